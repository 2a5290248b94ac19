// A worker at the edge (Cloudflare's shape) that answers from an API it has its own token for. Deploy with ISSUER, CLIENT_ID, CLIENT_SECRET, API_URL.
import { type Client, createClient, HTTPError, RateLimitError } from 'latchkey'
import { clientCredentials } from 'latchkey/oauth'

interface Env {
  readonly API_URL: string
  readonly ISSUER: string
  readonly CLIENT_ID: string
  readonly CLIENT_SECRET: string
}

// One client for all requests of this isolate: they share the token, its renewal and the rate limit.
let client: Client | undefined
function apiOf(env: Env): Client {
  client ??= createClient({
    baseUrl: env.API_URL,
    auth: clientCredentials({ issuer: env.ISSUER, clientId: env.CLIENT_ID, clientSecret: env.CLIENT_SECRET }),
    // Somebody waits for this answer: rather say when to come back.
    maxWait: 2000,
    totalTimeout: 10_000,
  })
  return client
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url)
    try {
      return Response.json(await apiOf(env).get(pathname.slice(1), { signal: request.signal }).json())
    } catch (error) {
      if (error instanceof RateLimitError)
        return new Response('Too many', {
          status: 503,
          headers: { 'retry-after': String(Math.ceil(error.retryAfter / 1000)) },
        })
      if (error instanceof HTTPError) return new Response(null, { status: error.response.status === 404 ? 404 : 502 })
      return new Response(null, { status: 502 })
    }
  },
}
