// What the page needs around it, on this machine: an authorization server, and an API that allows 20 requests in 2 seconds.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'

export interface BackEnd {
  readonly issuer: string
  readonly api: string
  close(): void
}

const LIMIT = 20
const WINDOW = 2000
const ITEMS = ['Lamp', 'Chair', 'Desk', 'Shelf', 'Rug', 'Clock', 'Vase']

/** `page` is the origin the page is served from: the only one that may ask. */
export async function startBackEnd(page: string): Promise<BackEnd> {
  const authorization = await listen()
  const issuer = originOf(authorization)
  const { warn } = console
  console.warn = () => {} // its advice is for those who run it for others
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'orders-app',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        redirect_uris: [`${page}/callback`],
        post_logout_redirect_uris: [`${page}/`],
        grant_types: ['authorization_code', 'refresh_token'],
        scope: 'openid orders:read',
      },
    ],
    scopes: ['openid', 'orders:read'],
    clientBasedCORS: (_, origin) => origin === page,
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    ttl: { AccessToken: 60, Grant: 3600, IdToken: 600, Interaction: 600, RefreshToken: 3600, Session: 3600 },
    features: { revocation: { enabled: true }, devInteractions: { enabled: true } },
  })
  console.warn = warn
  const tokens = new Set<string>()
  provider.on('access_token.saved', (token) => tokens.add(token.jti))
  authorization.on('request', provider.callback())

  let windowEnds = 0
  let used = 0
  const api = await listen()
  api.on('request', (request: IncomingMessage, response: ServerResponse) => {
    response.setHeader('access-control-allow-origin', page)
    // Without these a page sees neither when to come back nor how much is left.
    response.setHeader(
      'access-control-expose-headers',
      'RateLimit, RateLimit-Policy, Retry-After, Date, WWW-Authenticate',
    )
    if (request.method === 'OPTIONS') {
      response.setHeader('access-control-allow-headers', 'authorization, dpop')
      response.setHeader('access-control-max-age', '600')
      return response.writeHead(204).end()
    }
    const token = /^DPoP (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (!token || !tokens.has(token))
      return response.writeHead(401, { 'www-authenticate': 'DPoP error="invalid_token"' }).end()
    const now = Date.now()
    if (now > windowEnds) [windowEnds, used] = [now + WINDOW, 0]
    used++
    const seconds = Math.ceil((windowEnds - now) / 1000)
    response.setHeader('ratelimit-policy', `"orders";q=${LIMIT};w=${WINDOW / 1000}`)
    response.setHeader('ratelimit', `"orders";r=${Math.max(0, LIMIT - used)};t=${seconds}`)
    if (used > LIMIT) return response.writeHead(429, { 'retry-after': String(seconds) }).end()
    const [, , id] = (request.url ?? '').split('/')
    const body = id ? orderOf(Number(id)) : Array.from({ length: 20 }, (_, index) => orderOf(index + 1))
    setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)), 60)
  })
  return {
    issuer,
    api: `${originOf(api)}/`,
    close() {
      for (const server of [authorization, api]) {
        server.closeAllConnections()
        server.close()
      }
    },
  }
}

function orderOf(id: number) {
  return { id, item: ITEMS[id % ITEMS.length], total: 19 + ((id * 37) % 230) + 0.9 }
}

async function listen(): Promise<Server> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
