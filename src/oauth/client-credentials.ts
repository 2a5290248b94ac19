// RFC 6749, section 4.4: a service that acts for itself.
import type { AuthStrategy, TokenSource } from '../types.ts'
import { type ClientOptions, createOAuthClient } from './client.ts'
import { formRequest } from './form-request.ts'
import { type RepeatableOptions, repeatableGrant } from './repeatable.ts'

export interface ClientCredentialsOptions extends ClientOptions, RepeatableOptions {}

/**
 * A service's own token (RFC 6749, section 4.4): obtained once, shared by all requests, renewed ahead of its end, and once
 * when a server refuses it. Give the object as `auth`, or use it as a token source.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`, `insecure_url`
 * @throws OAuthError from requests: `token_unavailable` (try later), `client_misconfigured`, `issuer_invalid`
 */
export function clientCredentials(options: ClientCredentialsOptions): AuthStrategy & TokenSource {
  const client = createOAuthClient(options)
  return repeatableGrant(client, 'client_credentials', options, (parameters) =>
    formRequest('token_endpoint', { grant_type: 'client_credentials' }, parameters),
  )
}
