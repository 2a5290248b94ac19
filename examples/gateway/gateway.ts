// A gateway on this machine that guards its routes the ways real ones do.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startAuthorization } from './authorization.ts'
import { type Bucket, createBucket } from './bucket.ts'
import * as checks from './checks.ts'

const HOUR = 3_600_000
const EXPOSED = 'Date, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate'

interface Route {
  readonly check?: checks.Check
  readonly bucket?: Bucket
  /** Milliseconds this route's clock is ahead. */
  readonly ahead?: number
  /** In place of the plain answer; `count` is how often this route was asked before. */
  readonly answer?: (response: ServerResponse, count: number) => void
}

export interface Gateway {
  readonly url: string
  readonly issuer: string
  readonly routes: readonly string[]
  /** Token requests, and requests that reached the other origin, to which one route redirects. */
  stats(): Promise<{ tokenRequests: number; strayed: number }>
  close(): void
}

export interface GatewayOptions {
  readonly port?: number
  /** What a visitor of `/` gets: content by path, with its media type. */
  readonly page?: Record<string, [type: string, content: string]>
  /** Lets pages of other origins in: `'exposed'` shows them all they need, `'hidden'` what many servers show, which is nothing. */
  readonly cors?: 'exposed' | 'hidden'
}

export async function startGateway({ port = 0, page = {}, cors }: GatewayOptions = {}): Promise<Gateway> {
  const authorization = await startAuthorization()
  let strayed = 0
  const elsewhere = await listen(
    createServer((_, response) => {
      strayed++
      response.end('this should never be reached')
    }),
    0,
  )
  const routes: Record<string, Route> = {
    '/key-in-header': { check: checks.keyInHeader },
    '/key-in-query': { check: checks.keyInQuery },
    '/key-in-cookie': { check: checks.keyInCookie },
    '/basic': { check: checks.basicAuth },
    '/bearer': { check: checks.bearerToken },
    '/hmac': { check: checks.signature(Date.now) },
    '/oauth': { check: checks.accessToken(authorization.issued) },
    '/two-credentials': { check: checks.all(checks.keyInHeader, checks.bearerToken) },
    '/limited': { check: checks.keyInHeader, bucket: createBucket(20, 20) },
    '/away': {
      check: checks.keyInHeader,
      answer: (response) => response.writeHead(302, { location: elsewhere.url }).end(),
    },
    '/drops': {
      check: checks.keyInHeader,
      // Every other connection is dropped after the request has arrived.
      answer: (response, count) => (count % 2 ? reply(response, 200, { ok: true }) : response.destroy()),
    },
    '/an-hour-off': { check: checks.signature(() => Date.now() + HOUR), ahead: HOUR },
  }
  const stats = async () => ({ tokenRequests: authorization.requests(), strayed })
  const asked = new Map<string, number>()

  const main = await listen(
    createServer(async (incoming, response) => {
      const request = await arrived(incoming)
      if (cors) allow(response, cors, request)
      if (cors && request.method === 'OPTIONS') return response.writeHead(204).end()
      const path = request.target.split('?')[0] as string
      const route = routes[path]
      const count = asked.get(path) ?? 0
      asked.set(path, count + 1)
      const shown = page[path]
      if (shown) return response.writeHead(200, { 'content-type': shown[0] }).end(shown[1])
      if (path === '/stats') return reply(response, 200, { ...(await stats()), issuer: authorization.issuer })
      if (route?.ahead) response.setHeader('date', new Date(Date.now() + route.ahead).toUTCString())
      if (!route) return reply(response, 404, { error: 'no such route' })
      const problem = route.check?.(request)
      if (problem) {
        if (path === '/oauth') response.setHeader('www-authenticate', 'Bearer error="invalid_token"')
        return reply(response, 401, { error: problem })
      }
      const allowed = route.bucket?.take() ?? true
      for (const [name, value] of Object.entries(route.bucket?.fields() ?? {}))
        if (name !== 'retry-after' || !allowed) response.setHeader(name, value)
      if (!allowed) return reply(response, 429, { error: 'too many requests' })
      if (route.answer) return route.answer(response, count)
      reply(response, 200, { ok: true, bytes: request.body.length })
    }),
    port,
  )

  return {
    url: main.url,
    issuer: authorization.issuer,
    routes: Object.keys(routes),
    stats,
    close() {
      authorization.close()
      for (const { server } of [main, elsewhere]) {
        server.closeAllConnections()
        server.close()
      }
    },
  }
}

/** What a page of another origin may send and see (fetch.spec.whatwg.org, section 3.3). */
function allow(response: ServerResponse, cors: 'exposed' | 'hidden', { headers }: checks.Arrived): void {
  response.setHeader('access-control-allow-origin', headers.origin ?? '*')
  response.setHeader('access-control-allow-headers', headers['access-control-request-headers'] ?? '*')
  response.setHeader('access-control-allow-methods', 'GET, POST, PUT')
  response.setHeader('vary', 'origin, access-control-request-headers')
  if (cors === 'exposed') response.setHeader('access-control-expose-headers', EXPOSED)
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

export async function arrived(incoming: IncomingMessage): Promise<checks.Arrived> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  const { method = '', url: target = '', headers } = incoming
  return { method, target, headers, body: Buffer.concat(chunks) }
}

async function listen(server: Server, port: number): Promise<{ server: Server; url: string }> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}
