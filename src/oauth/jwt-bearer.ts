// RFC 7523, section 2.1: an assertion that somebody trusted has signed, in exchange for a token.
import { clockSkew, genericTokenEndpointRequest } from 'oauth4webapi'
import { type Credential, checkCredential, readCredential } from '../credential.ts'
import { LatchkeyError } from '../errors.ts'
import type { AuthStrategy, TokenSource } from '../types.ts'
import { type ClientOptions, createOAuthClient } from './client.ts'
import { type RepeatableOptions, repeatableGrant } from './repeatable.ts'
import { createJwtSigner, type SigningOptions } from './signed-jwt.ts'

/** What is signed here, anew for each token. */
export interface AssertionOptions extends SigningOptions {
  /** Whom the token acts for, the `sub`. Default: the client. */
  subject?: string
  /** Who vouches, the `iss`. Default: the client. */
  issuer?: string
  /** Default: the issuer of the authorization server. */
  audience?: string
  /** Further claims, e.g. `scope` where the server reads it there. */
  claims?: Readonly<Record<string, unknown>>
  /** Milliseconds. Default 300 000. */
  lifetime?: number
}

export interface JwtBearerOptions extends ClientOptions, RepeatableOptions {
  /** A signed JWT, a function that gives one, or what is to be signed here. */
  assertion: Credential | AssertionOptions
  /** Tells the tokens of several users apart where they share a `store`. Default: the `subject`. */
  account?: string
}

/**
 * A token for a signed assertion (RFC 7523, section 2.1), renewed by another assertion. Give the object as `auth`, or use it as a
 * token source.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`, `insecure_url`
 * @throws OAuthError from requests: `token_unavailable` (try later), `client_misconfigured`, `issuer_invalid`
 */
export function jwtBearer(options: JwtBearerOptions): AuthStrategy & TokenSource {
  const { assertion } = options
  const client = createOAuthClient(options)
  const signed = typeof assertion === 'object' && 'privateKey' in assertion ? assertion : undefined
  const account = accountOf(options.account ?? signed?.subject, options.store, signed === undefined)
  const signer = signed && createJwtSigner(signed)
  if (!signed) checkCredential(assertion as Credential, 'assertion')

  return repeatableGrant(client, `jwt-bearer ${account}`, options, async (parameters) => {
    const sign = await signer?.load()
    if (!sign) parameters.set('assertion', await readCredential(assertion as Credential, 'assertion'))
    return async (server, described, authentication, request) => {
      if (sign) parameters.set('assertion', await sign(claimsOf(signed ?? {}, server.issuer, described)))
      return genericTokenEndpointRequest(
        server,
        described,
        authentication,
        'urn:ietf:params:oauth:grant-type:jwt-bearer',
        parameters,
        request,
      )
    }
  })
}

function claimsOf(
  { subject, issuer, audience, claims, lifetime = 300_000 }: Partial<AssertionOptions>,
  server: string,
  client: { client_id: string; [clockSkew]?: number },
): object {
  const now = Math.floor(Date.now() / 1000) + (client[clockSkew] ?? 0)
  return {
    iss: issuer ?? client.client_id,
    sub: subject ?? client.client_id,
    aud: audience ?? server,
    jti: crypto.randomUUID(),
    iat: now,
    exp: now + Math.round(lifetime / 1000),
    ...claims,
  }
}

/**
 * Who stands behind a token that another may not find under the same name.
 * @throws LatchkeyError `invalid_option`
 */
export function accountOf(account: string | undefined, store: unknown, wanted: boolean): string {
  if (store && wanted && !account)
    throw new LatchkeyError(
      'invalid_option',
      'With a `store`, give `account`: a name for the user, so that nobody else finds this token under the same name.',
    )
  return account ?? ''
}
