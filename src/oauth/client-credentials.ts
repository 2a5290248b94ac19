// RFC 6749, section 4.4: a service that acts for itself.
import { type ClientAuth, ClientSecretBasic, ClientSecretPost, clientCredentialsGrantRequest } from 'oauth4webapi'
import { type Credential, checkCredential, readCredential } from '../credential.ts'
import { LatchkeyError, OAuthError } from '../errors.ts'
import { sleep } from '../timing.ts'
import { tokenStrategy } from '../token.ts'
import type { AccessToken, AuthStrategy, CredentialStore, TokenSource } from '../types.ts'
import { createRenewal, FLIGHT_TIME } from './renewal.ts'
import { createServer, type ServerOptions } from './server.ts'
import { requestToken } from './token-endpoint.ts'
import { keptIn } from './token-store.ts'

export interface ClientCredentialsOptions extends ServerOptions {
  clientId: string
  clientSecret: Credential
  /** How the client proves itself (RFC 6749, section 2.3.1): in a header, or in the content. Default `'basic'`. */
  clientAuthentication?: 'basic' | 'post'
  /** Space-separated scopes. Default: what the server gives. */
  scope?: string
  /** The resource the token is for (RFC 8707). */
  resource?: string
  /** What some servers want in place of `resource`. */
  audience?: string
  /** Keeps the token where other instances find it, e.g. a sealed store. Default: in this object only. */
  store?: CredentialStore
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

/**
 * A service's own token (RFC 6749, section 4.4): obtained once, shared by all requests, renewed ahead of its end, and once
 * when a server refuses it. Give the object as `auth`, or use it as a token source.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`, `insecure_url`
 * @throws OAuthError from requests: `token_unavailable` (try later), `client_misconfigured`, `issuer_invalid`
 */
export function clientCredentials(options: ClientCredentialsOptions): AuthStrategy & TokenSource {
  const { clientId, clientSecret, clientAuthentication = 'basic', scope, resource, audience, store } = options
  if (!clientId)
    throw new LatchkeyError('invalid_option', '`clientId` must be the id under which the server knows this client.')
  if (!Object.hasOwn(authentications, clientAuthentication))
    throw new LatchkeyError('invalid_option', "`clientAuthentication` must be 'basic' or 'post'.")
  checkCredential(clientSecret, 'clientSecret')
  const server = createServer(options)
  const client = { client_id: clientId }
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries({ scope, resource, audience })) if (value) parameters.set(name, value)

  const obtain = async (): Promise<AccessToken> => {
    const metadata = await server.metadata()
    const secret = await readCredential(clientSecret, 'clientSecret')
    const authentication = authentications[clientAuthentication](secret)
    return requestToken(() =>
      clientCredentialsGrantRequest(metadata, client, authentication, parameters, server.requestOptions()),
    )
  }
  // Everything that makes a token another one is in its name, so that no two clients can share by accident.
  const scopes = scope?.split(' ').filter(Boolean).sort().join(' ')
  const id = `oauth ${JSON.stringify([String(options.issuer), clientId, scopes, resource, audience])}`
  const source = createRenewal(store ? keptIn(store, id, () => patiently(obtain)) : () => patiently(obtain))
  return { ...tokenStrategy(source, options), ...source }
}

const authentications: Record<'basic' | 'post', (secret: string) => ClientAuth> = {
  basic: ClientSecretBasic,
  post: ClientSecretPost,
}

/** Asks again while the server is only unavailable, within the time of one renewal. Everybody who waits shares this wait. */
async function patiently(obtain: () => Promise<AccessToken>): Promise<AccessToken> {
  const deadline = performance.now() + FLIGHT_TIME
  for (let attempt = 1; ; attempt++) {
    try {
      return await obtain()
    } catch (error) {
      if (!(error instanceof OAuthError) || !error.retryable || attempt > 3) throw error
      const own = Math.random() * 500 * 2 ** attempt
      const wait = Math.max(own, error.retryAt ? error.retryAt - Date.now() : 0)
      if (performance.now() + wait > deadline) throw error
      await sleep(wait)
    }
  }
}
