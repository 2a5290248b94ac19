// The client: who asks the authorization server, how it proves that, and what it was answered.
import {
  type AuthorizationServer,
  type Client,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  clockSkew,
  None,
  TlsClientAuth,
} from 'oauth4webapi'
import { type Credential, checkCredential, readCredential } from '../credential.ts'
import { base64, utf8 } from '../crypto/bytes.ts'
import { LatchkeyError, OAuthError } from '../errors.ts'
import { createClock } from '../http/clock.ts'
import type { Awaitable } from '../types.ts'
import type { Prover } from './dpop.ts'
import { createServer, REQUEST_TIMEOUT, type Server, type ServerOptions, through } from './server.ts'
import { invalidIssuer, unavailable } from './verdict.ts'

/** How a client proves itself with a key or in a way of its own: what `privateKeyJwt()` and `clientSecretJwt()` give. */
export type ClientAuthentication = () => Awaitable<ClientAuth>

export interface ClientOptions extends ServerOptions {
  clientId: string
  /** Absent for a public client, e.g. a page or an installed program. */
  clientSecret?: Credential
  /**
   * How the client proves itself (RFC 6749, section 2.3). Default: `'basic'` with a `clientSecret`, else `'none'`. `'basic-plain'` is for servers
   * that do not decode what RFC 6749 encodes, `'tls'` for a certificate (RFC 8705) that your own `fetch` presents.
   */
  clientAuthentication?: 'basic' | 'basic-plain' | 'post' | 'none' | 'tls' | ClientAuthentication
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

/** What an endpoint answered, read to its end, so that it can be kept before anybody looks into it. */
export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

export type Ask = (
  server: AuthorizationServer,
  client: Client,
  authentication: ClientAuth,
  options: ReturnType<typeof through>,
) => Promise<Response>

/** Sends a request of oauth4webapi, with a fresh proof, and once more when the server wants another nonce in it. */
export type Send = (ask: Ask, options?: { prover?: Prover | undefined; timeout?: number }) => Promise<Reply>

export interface OAuthClient {
  readonly id: string
  readonly server: Server
  /** Everything that may take time or call the user's code is done before it resolves: what it gives only sends. */
  ready(): Promise<Send>
  /** Milliseconds since the epoch, by the clock of the authorization server. */
  now(): number
  /** For oauth4webapi: the id, and by how much our clock differs. */
  described(): Client
}

/** @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`, `insecure_url` */
export function createOAuthClient(options: ClientOptions): OAuthClient {
  const { clientId, clientSecret } = options
  const { clientAuthentication: method = clientSecret === undefined ? 'none' : 'basic' } = options
  if (typeof clientId !== 'string' || !clientId)
    throw new LatchkeyError('invalid_option', '`clientId` must be the id under which the server knows this client.')
  refuseOldGrants(options)
  if (typeof method !== 'function') checkMethod(method, clientSecret)
  const server = createServer(options)
  const clock = createClock()

  const client: OAuthClient = {
    id: clientId,
    server,
    now: () => clock.now(),
    described: () => ({
      client_id: clientId,
      [clockSkew]: Math.round((clock.now() - Date.now()) / 1000),
      use_mtls_endpoint_aliases: method === 'tls',
    }),
    async ready() {
      const metadata = await server.metadata()
      const authentication =
        typeof method === 'function'
          ? await method()
          : (METHODS[method] as (secret: string) => ClientAuth)(
              clientSecret === undefined ? '' : await readCredential(clientSecret, 'clientSecret'),
            )
      return async (ask, { prover, timeout = REQUEST_TIMEOUT } = {}) => {
        for (let replay = false; ; replay = true) {
          const reply = await answered(ask, metadata, authentication, prover, timeout)
          if (replay || !reply.wantsNonce) return reply
        }
      }
    },
  }
  return client

  async function answered(
    ask: Ask,
    metadata: AuthorizationServer,
    authentication: ClientAuth,
    prover: Prover | undefined,
    timeout: number,
  ): Promise<Reply & { wantsNonce: boolean }> {
    const sentAt = Date.now()
    let endpoint = ''
    const options = through(async (input, init) => {
      endpoint = String(input)
      const headers = new Headers(init?.headers)
      if (prover) headers.set('dpop', await prover.proof('POST', endpoint, { now: clock.now() }))
      return server.fetch(input, { ...init, headers })
    }, timeout)
    const response = await ask(metadata, client.described(), authentication, options).catch(mapped)
    const { status, headers } = response
    const text = await response.text().catch(() => {
      throw unavailable('broke off its answer', response)
    })
    clock.observe(headers, sentAt, Date.now())
    const fresh = prover?.learn(endpoint, headers) ?? false
    return { status, headers, text, wantsNonce: fresh && status >= 400 && /"use_dpop_nonce"/.test(text) }
  }
}

function mapped(error: unknown): never {
  if (error instanceof LatchkeyError) throw error
  const code = (error as { code?: unknown } | undefined)?.code
  if (code === 'OAUTH_MISSING_SERVER_METADATA' || code === 'OAUTH_INVALID_SERVER_METADATA')
    throw invalidIssuer(
      'The metadata of the server has no endpoint for this. Check what it supports, or give `metadata`.',
    )
  // What oauth4webapi or a key says may quote what it was given.
  throw new OAuthError(
    'client_misconfigured',
    'The request to the authorization server could not be made. Check `clientAuthentication` and its key.',
  )
}

const METHODS: Record<string, (secret: string) => ClientAuth> = {
  basic: ClientSecretBasic,
  'basic-plain': (secret) => (_, client, _body, headers) => {
    headers.set('authorization', `Basic ${base64(utf8(`${client.client_id}:${secret}`))}`)
  },
  post: ClientSecretPost,
  none: None,
  tls: TlsClientAuth,
}

/** What RFC 9700 ends (sections 2.1.2 and 2.4), by the names that people look for it. */
function refuseOldGrants(options: object): void {
  const { grantType, responseType } = options as { grantType?: unknown; responseType?: unknown }
  if (grantType === 'password' || 'username' in options || 'password' in options)
    throw new LatchkeyError(
      'invalid_option',
      'The password grant is no more (RFC 9700, section 2.4): use `authorizationCode()`, or `deviceCode()` where there is no browser.',
    )
  if (grantType === 'implicit' || responseType !== undefined)
    throw new LatchkeyError(
      'invalid_option',
      'The implicit grant, with tokens in a URL, is no more (RFC 9700, section 2.1.2): use `authorizationCode()`, which asks for a code.',
    )
}

function checkMethod(method: string, secret: Credential | undefined): void {
  if (!Object.hasOwn(METHODS, method))
    throw new LatchkeyError(
      'invalid_option',
      "`clientAuthentication` must be 'basic', 'basic-plain', 'post', 'none', 'tls', or what privateKeyJwt() or clientSecretJwt() gives.",
    )
  if (method === 'basic' || method === 'basic-plain' || method === 'post') checkCredential(secret ?? '', 'clientSecret')
}
