// The ID token of a sign-in (OpenID Connect Core, section 3.1.3.7): who signed in, told to this client, in answer to this request.
import type { AuthorizationServer } from 'oauth4webapi'
import { fromBase64url, fromUtf8 } from '../crypto/bytes.ts'
import { LatchkeyError, OAuthError } from '../errors.ts'
import type { OAuthClient } from './client.ts'
import { claimsOf } from './record.ts'

/** Checks who signed a token: what `idTokenSignature()` gives. */
export type SignatureCheck = (
  jws: string,
  server: AuthorizationServer,
  fetch: OAuthClient['server']['fetch'],
) => Promise<boolean>

export interface Expected {
  readonly nonce?: string | undefined
  /** Seconds. */
  readonly maxAge?: number | undefined
  /** An ID token must be there. */
  readonly required: boolean
  /** Also who signed it. That need not be checked where the token came straight from the server over https. */
  readonly signature?: SignatureCheck | undefined
}

/** Seconds by which clocks may differ. */
const TOLERANCE = 30

/** @throws OAuthError `issuer_invalid` */
export async function checkIdToken(
  client: OAuthClient,
  idToken: string | undefined,
  expected: Expected,
): Promise<void> {
  const server = await client.server.metadata()
  const wrong = idToken === undefined ? expected.required && 'id_token' : wrongClaim(client, server, idToken, expected)
  if (wrong) throw notAccepted(wrong)
  if (idToken === undefined || !expected.signature) return
  const good = await expected.signature(idToken, server, client.server.fetch).catch((error) => {
    // What the platform says of a key may quote it.
    if (error instanceof LatchkeyError) throw error
    return false
  })
  if (!good) throw notAccepted('signature')
}

/** The first claim that is not as it must be. */
function wrongClaim(
  client: OAuthClient,
  server: AuthorizationServer,
  idToken: string,
  { nonce, maxAge }: Expected,
): string | undefined {
  const { iss, sub, aud, azp, exp, iat, nbf = 0, nonce: answered, auth_time } = claimsOf(idToken) ?? {}
  const audiences = [aud].flat()
  const now = client.now() / 1000
  const checks = {
    alg: supported(server, headerOf(idToken).alg),
    iss: iss === server.issuer,
    sub: typeof sub === 'string' && sub !== '',
    aud: audiences.includes(client.id) && (audiences.length === 1 || azp !== undefined),
    azp: azp === undefined || azp === client.id,
    exp: typeof exp === 'number' && exp > now - TOLERANCE,
    iat: typeof iat === 'number',
    nbf: typeof nbf === 'number' && nbf < now + TOLERANCE,
    nonce: answered === nonce,
    auth_time: maxAge === undefined || (typeof auth_time === 'number' && auth_time + maxAge > now - TOLERANCE),
  }
  return Object.entries(checks).find(([, right]) => !right)?.[0]
}

function supported(
  { id_token_signing_alg_values_supported: list = ['RS256'] }: AuthorizationServer,
  alg: unknown,
): boolean {
  return typeof alg === 'string' && alg !== 'none' && (!Array.isArray(list) || list.includes(alg))
}

/** The JOSE header of a JWS (RFC 7515, section 4). */
export function headerOf(jws: string): Record<string, unknown> {
  try {
    return { ...JSON.parse(fromUtf8(fromBase64url(jws.split('.')[0] as string) as Uint8Array)) }
  } catch {
    return {}
  }
}

function notAccepted(what: string): OAuthError {
  return new OAuthError(
    'issuer_invalid',
    `The ID token of the server was not accepted (${what}). Nobody was signed in. Check \`issuer\`, \`clientId\`, \`scope\` and the clocks.`,
  )
}
