// An authorization server that nobody here wrote, embedded, with faults to order; and one by hand for what it never does.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'
import { onTestFinished, vi } from 'vitest'

export const CLIENT_ID = 'service'
/** With characters that Basic must form-encode first. */
export const CLIENT_SECRET = 's3cr3t-%&:+~'

export type Fault = (response: ServerResponse) => void

export interface AuthorizationServer {
  readonly issuer: string
  /** Token requests that arrived, faults included. */
  readonly tokenRequests: { authorization: string | undefined; body: string }[]
  /** The next token requests meet these, one each. */
  readonly faults: Fault[]
  /** Seconds new access tokens live. */
  lifetime: number
  /** Active by introspection. */
  isGood(token: string): boolean
}

export async function authorizationServer(): Promise<AuthorizationServer> {
  const issued = new Set<string>()
  const state: AuthorizationServer & { issuer: string } = {
    issuer: '',
    tokenRequests: [],
    faults: [],
    lifetime: 600,
    isGood: (token) => issued.has(token),
  }
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  state.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // Its advice is for those who run it for others.
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const provider = new Provider(state.issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        scope: 'orders:read orders:write',
      },
      {
        client_id: 'poster',
        client_secret: CLIENT_SECRET,
        token_endpoint_auth_method: 'client_secret_post',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    scopes: ['orders:read', 'orders:write'],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    ttl: { ClientCredentials: () => state.lifetime },
  })
  provider.on('client_credentials.saved', (token) => issued.add((token as unknown as { jti: string }).jti))
  const handle = provider.callback()
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url !== '/token') return handle(request, response)
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    state.tokenRequests.push({
      authorization: request.headers.authorization,
      get body() {
        return body
      },
    })
    const fault = state.faults.shift()
    if (fault) fault(response)
    else handle(request, response)
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return state
}

export const answers =
  (status: number, body: unknown, headers: Record<string, string> = {}): Fault =>
  (response) =>
    response
      .writeHead(status, { 'content-type': typeof body === 'string' ? 'text/html' : 'application/json', ...headers })
      .end(typeof body === 'string' ? body : JSON.stringify(body))
export const dropped: Fault = (response) => response.destroy()
