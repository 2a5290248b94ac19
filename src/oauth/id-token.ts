// The ID token of a sign-in (OpenID Connect Core, section 3.1.3.7): who signed in, told to this client, in answer to this request.
import {
  type AuthorizationServer,
  type Client,
  getValidatedIdTokenClaims,
  processAuthorizationCodeResponse,
  validateApplicationLevelSignature,
} from 'oauth4webapi'
import { OAuthError } from '../errors.ts'
import type { through } from './server.ts'

export interface Expected {
  readonly nonce?: string | undefined
  /** Seconds. */
  readonly maxAge?: number | undefined
  /** An ID token must be there. */
  readonly required: boolean
  /** The signature is checked too. It need not be where the token came straight from the server over https. */
  readonly signature: boolean
}

/** @throws OAuthError `issuer_invalid` */
export async function checkIdToken(
  server: AuthorizationServer,
  client: Client,
  idToken: string | undefined,
  { nonce, maxAge, required, signature }: Expected,
  options: ReturnType<typeof through>,
): Promise<void> {
  // Only what is checked is handed over: the tokens are read, and kept, elsewhere.
  const body = { access_token: '-', token_type: 'bearer', ...(idToken !== undefined && { id_token: idToken }) }
  const response = Response.json(body)
  try {
    const tokens = await processAuthorizationCodeResponse(server, client, response, {
      ...(nonce !== undefined && { expectedNonce: nonce }),
      ...(maxAge !== undefined && { maxAge }),
      requireIdToken: required,
    })
    if (signature && getValidatedIdTokenClaims(tokens))
      await validateApplicationLevelSignature(server, response, options)
  } catch (error) {
    if (error instanceof OAuthError) throw error
    // What oauth4webapi says quotes the claims.
    throw new OAuthError(
      'issuer_invalid',
      `The ID token of the server was not accepted${hint(error)}. Nobody was signed in. Check \`issuer\`, \`clientId\` and the clocks.`,
    )
  }
}

/** Which check failed, in words of the RFC. */
function hint(error: unknown): string {
  const { claim } = (error as { cause?: { claim?: unknown } }).cause ?? {}
  return typeof claim === 'string' && /^\w{1,20}$/.test(claim) ? ` (\`${claim}\`)` : ''
}
