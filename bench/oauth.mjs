// What happens when 1,000 requests meet the moment of expiry, at a server that takes each refresh token once.
import { createServer } from 'node:http'
import { OAuth2Client, OAuth2Fetch } from '@badgateway/oauth2-client'
import ky from 'ky'
import { createClient } from '../dist/index.js'
import { refreshToken } from '../dist/oauth/oauth.js'

const REQUESTS = 1000
// Milliseconds the answers of the API come one after the other, so that some 401s come late.
const SPREAD = 400

const cases = {
  latchkey({ origin, first }) {
    const auth = refreshToken({ issuer: origin, clientId: 'app', refreshToken: first })
    const client = createClient({ baseUrl: origin, auth, timeout: false })
    return () => client.get('api').text()
  },
  'ky, afterResponse that refreshes': (server) => handRolled(server, (refresh) => refresh()),
  'ky, one shared refresh'(server) {
    let flight
    return handRolled(server, (refresh) => (flight ??= refresh().finally(() => (flight = undefined))))
  },
  '@badgateway/oauth2-client'({ origin, first }) {
    const client = new OAuth2Client({ server: origin, clientId: 'app', tokenEndpoint: '/token' })
    const fetcher = new OAuth2Fetch({
      client,
      scheduleRefresh: false,
      getNewToken: () => null,
      getStoredToken: () => ({ accessToken: 'none', refreshToken: first, expiresAt: null }),
    })
    return async () => {
      const response = await fetcher.fetch(`${origin}/api`)
      if (!response.ok) throw new Error(String(response.status))
      return response.text()
    }
  },
}

console.log(`\n${REQUESTS} requests whose token has just expired, 401s over ${SPREAD} ms, strict rotation:`)
for (const [name, make] of Object.entries(cases)) {
  const server = await strictServer()
  const call = make(server)
  const start = performance.now()
  const results = await Promise.allSettled(Array.from({ length: REQUESTS }, call))
  const failed = results.filter(({ status }) => status === 'rejected').length
  const { requests, refused, alive } = server.count
  console.log(
    `  ${name.padEnd(34)} ${String(requests).padStart(5)} token requests  ${String(refused).padStart(5)} refused  ${String(failed).padStart(5)} failed  session ${alive ? 'alive' : 'lost '}  ${Math.round(performance.now() - start)} ms`,
  )
  server.close()
}
process.exit(0)

/** What many write by hand; `once` decides who refreshes. */
function handRolled({ origin, first }, once) {
  let tokens = { access: 'none', refresh: first }
  const client = ky.create({
    prefix: origin,
    timeout: false,
    retry: 0,
    hooks: {
      beforeRequest: [({ request }) => request.headers.set('authorization', `Bearer ${tokens.access}`)],
      afterResponse: [
        async ({ request, response }) => {
          if (response.status !== 401) return
          tokens = await once(() => refreshed(origin, tokens.refresh))
          request.headers.set('authorization', `Bearer ${tokens.access}`)
          return fetch(request)
        },
      ],
    },
  })
  return () => client.get('api').text()
}

async function refreshed(origin, token) {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, client_id: 'app' })
  const response = await fetch(`${origin}/token`, { method: 'POST', body })
  if (!response.ok) throw new Error((await response.json()).error)
  const { access_token: access, refresh_token: refresh } = await response.json()
  return { access, refresh }
}

/** Each refresh token once: a used one ends the session (RFC 9700, section 4.14.2). */
async function strictServer() {
  const count = { requests: 0, refused: 0, alive: true }
  const used = new Set()
  let last = 0
  let late = 0
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const answer = (status, value) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    if (request.url.startsWith('/.well-known/'))
      return answer(200, { issuer: origin, token_endpoint: `${origin}/token` })
    if (request.url === '/token') {
      count.requests++
      const token = new URLSearchParams(body).get('refresh_token')
      if (used.has(token)) count.alive = false
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (!count.alive || token !== `refresh-${last}`) {
        count.refused++
        return answer(400, { error: 'invalid_grant' })
      }
      used.add(token)
      last++
      return answer(200, { access_token: `access-${last}`, refresh_token: `refresh-${last}`, token_type: 'bearer', expires_in: 600 }) // biome-ignore format: one line
    }
    const good = count.alive && /^Bearer access-/.test(request.headers.authorization ?? '')
    if (!good) {
      await new Promise((resolve) => setTimeout(resolve, (late++ * SPREAD) / REQUESTS))
      response.setHeader('www-authenticate', 'Bearer error="invalid_token"')
    }
    answer(good ? 200 : 401, {})
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${server.address().port}`
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { origin, first: 'refresh-0', count, close }
}
