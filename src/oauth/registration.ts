// A client that introduces itself (RFC 7591).
import { type Credential, readCredential } from '../credential.ts'
import { OAuthError } from '../errors.ts'
import { Secret } from '../secret.ts'
import { createServer, REQUEST_TIMEOUT, type ServerOptions } from './server.ts'
import { invalidIssuer, refused, unavailable } from './verdict.ts'

export interface RegistrationOptions extends ServerOptions {
  /** What is said of the client, in the words of RFC 7591, section 2, e.g. `redirect_uris` and `token_endpoint_auth_method`. */
  client: Readonly<Record<string, unknown>>
  /** Where the server lets only those register who bring one (RFC 7591, section 3). */
  initialAccessToken?: Credential
}

export interface Registration {
  readonly clientId: string
  readonly clientSecret?: Secret<string>
  /** Milliseconds since the epoch; absent when the secret does not end. */
  readonly clientSecretExpiresAt?: number
  /** For changes of the registration (RFC 7592), at `registrationUri`. */
  readonly registrationToken?: Secret<string>
  readonly registrationUri?: string
  /** What the server made of it; without secrets. */
  readonly client: Readonly<Record<string, unknown>>
}

/**
 * Registers a client (RFC 7591, section 3.1). Keep what it returns: each call makes another client.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`, `insecure_url`
 * @throws OAuthError `token_unavailable` (try later), `client_misconfigured` with the server's `error`, `issuer_invalid`
 */
export async function registerClient(options: RegistrationOptions): Promise<Registration> {
  const { client, initialAccessToken } = options
  const server = createServer(options)
  const endpoint = (await server.metadata()).registration_endpoint
  if (!endpoint) throw invalidIssuer('The server does not let clients register themselves: its metadata has no `registration_endpoint`.') // biome-ignore format: one line
  const token =
    initialAccessToken === undefined ? undefined : await readCredential(initialAccessToken, 'initialAccessToken')
  const response = await server.fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(client),
    redirect: 'manual',
    signal: AbortSignal.timeout(REQUEST_TIMEOUT),
  })
  const { status } = response
  if (status === 0 || status === 429 || status >= 500) throw unavailable('registered no client', response)
  const body = await response.json().catch(() => undefined)
  if (typeof body?.error === 'string') throw refused(body.error, response)
  if (status >= 400) throw refused(status === 401 ? 'invalid_token' : 'unreadable', response)
  if (typeof body?.client_id !== 'string' || !body.client_id)
    throw new OAuthError('token_unavailable', 'The authorization server answered with something else than a client. Try again later.', { status }) // biome-ignore format: one line
  const { client_id, client_secret, client_secret_expires_at, registration_access_token, registration_client_uri, ...rest } = body // biome-ignore format: one line
  return {
    clientId: client_id,
    ...(client_secret && { clientSecret: new Secret(client_secret) }),
    ...(client_secret_expires_at > 0 && { clientSecretExpiresAt: client_secret_expires_at * 1000 }),
    ...(registration_access_token && { registrationToken: new Secret(registration_access_token) }),
    ...(registration_client_uri && { registrationUri: registration_client_uri }),
    client: rest,
  }
}
