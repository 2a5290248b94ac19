// RFC 8693: one token in exchange for another, e.g. a user's for one that a service may use further down.
import { genericTokenEndpointRequest } from 'oauth4webapi'
import { type Credential, checkCredential, readCredential } from '../credential.ts'
import type { AuthStrategy, TokenSource } from '../types.ts'
import { type ClientOptions, createOAuthClient } from './client.ts'
import { accountOf } from './jwt-bearer.ts'
import { type RepeatableOptions, repeatableGrant } from './repeatable.ts'

/** The last word of `urn:ietf:params:oauth:token-type:…` (RFC 8693, section 3), or any URI. */
export type TokenType = 'access_token' | 'refresh_token' | 'id_token' | 'saml1' | 'saml2' | 'jwt' | (string & {})

export interface TokenExchangeOptions extends ClientOptions, RepeatableOptions {
  /** On whose behalf: a token, or a function that gives the one that is valid now. */
  subjectToken: Credential
  /** Default `'access_token'`. */
  subjectTokenType?: TokenType
  /** Who acts, where that is not the client. */
  actorToken?: Credential
  /** Default `'access_token'`. */
  actorTokenType?: TokenType
  /** Default: what the server gives. */
  requestedTokenType?: TokenType
  /** Tells the tokens of several subjects apart where they share a `store`. */
  account?: string
}

/**
 * A token in exchange for another (RFC 8693, section 2), exchanged again when it ends. Give the object as `auth`, or use it as a
 * token source.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`, `insecure_url`
 * @throws OAuthError from requests: `token_unavailable` (try later), `client_misconfigured`, `issuer_invalid`, and `session_ended`
 *   when the subject token is no longer good
 */
export function tokenExchange(options: TokenExchangeOptions): AuthStrategy & TokenSource {
  const { subjectToken, actorToken, requestedTokenType } = options
  const { subjectTokenType = 'access_token', actorTokenType = 'access_token' } = options
  const client = createOAuthClient(options)
  checkCredential(subjectToken, 'subjectToken')
  if (actorToken !== undefined) checkCredential(actorToken, 'actorToken')
  const account = accountOf(options.account, options.store, true)
  const name = `token-exchange ${JSON.stringify([account, requestedTokenType])}`

  return repeatableGrant(client, name, options, async (parameters) => {
    parameters.set('subject_token', await readCredential(subjectToken, 'subjectToken'))
    parameters.set('subject_token_type', uri(subjectTokenType))
    if (actorToken !== undefined) {
      parameters.set('actor_token', await readCredential(actorToken, 'actorToken'))
      parameters.set('actor_token_type', uri(actorTokenType))
    }
    if (requestedTokenType) parameters.set('requested_token_type', uri(requestedTokenType))
    return (server, described, authentication, request) =>
      genericTokenEndpointRequest(
        server,
        described,
        authentication,
        'urn:ietf:params:oauth:grant-type:token-exchange',
        parameters,
        request,
      )
  })
}

function uri(type: TokenType): string {
  return type.includes(':') ? type : `urn:ietf:params:oauth:token-type:${type}`
}
