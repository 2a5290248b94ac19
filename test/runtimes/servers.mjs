// The API the engines call, in Node: verifies what it gets, and remembers when. With CORS as a careful server sets it.
import { createHash, createHmac, createPublicKey, verify } from 'node:crypto'
import { createServer } from 'node:http'
import aws4 from 'aws4'
import signatures from 'http-message-signatures'
import { createAuthorization } from './authorization.mjs'
import { opensS3 } from './aws.mjs'

const HOUR = 3_600_000
const EXPOSED =
  'Retry-After, Date, WWW-Authenticate, DPoP-Nonce, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-RateLimit-Resource, API-Version, Deprecation, Sunset, Content-Digest, Signature, Signature-Input'

export async function startServers(bundle) {
  const times = new Map()
  const tokens = new Map()
  const peaks = new Map()
  const inFlight = new Map()
  let users
  let strayed = 0
  const other = await listen((_, response) => {
    strayed++
    response.end()
  })
  const main = await listen(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const url = new URL(request.url, 'http://x')
    const { headers, method } = request
    const exposed = !url.searchParams.has('hidden')
    response.setHeader('access-control-allow-origin', headers.origin ?? '*')
    if (exposed) response.setHeader('access-control-expose-headers', EXPOSED)
    if (method === 'OPTIONS') {
      response.setHeader('access-control-allow-headers', headers['access-control-request-headers'] ?? '*')
      response.setHeader('access-control-allow-methods', 'GET, POST, PUT, DELETE')
      response.setHeader('access-control-max-age', '600')
      return response.writeHead(204).end()
    }
    const [, route, id = ''] = url.pathname.split('/')
    const seen = times.get(url.pathname) ?? []
    times.set(url.pathname, [...seen, performance.now()])
    const json = (status, value, more) =>
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(JSON.stringify(value))
    const open = (right) => json(right ? 200 : 401, { ok: right })

    switch (route) {
      case '':
        return response
          .writeHead(200, { 'content-type': 'text/html' })
          .end('<!doctype html><script type="module" src="/suite.js"></script>')
      case 'suite.js':
        return response.writeHead(200, { 'content-type': 'text/javascript' }).end(bundle)
      case 'header':
        return open(headers['x-api-key'] === 'key')
      case 'query':
        return open(url.searchParams.get('k') === 'ke y')
      case 'cookie':
        return open(headers.cookie === 'sid=key')
      case 'basic':
        return open(headers.authorization === `Basic ${Buffer.from('ada:pässword').toString('base64')}`)
      case 'bearer':
        return open(headers.authorization === 'Bearer token')
      case 'fields':
        return json(
          200,
          Object.keys(headers).filter((name) => /^x-(one|two)$/.test(name)),
        )
      case 'clock':
        return json(200, { serverTime: Date.now() + HOUR })
      case 'ahead':
        response.setHeader('date', new Date(Date.now() + HOUR).toUTCString())
        return open(Math.abs(Number(headers['x-time']) * 1000 - Date.now() - HOUR) < 60_000)
      case 'hmac': {
        if (id === 'refused') return open(false)
        const mac = createHmac('sha256', 'secret')
          .update(`${headers['x-time']}${method}${request.url}`)
          .update(body)
          .digest('hex')
        return open(headers['x-signature'] === mac)
      }
      case 'digest': {
        const [, , algorithm, qop] = url.pathname.split('/')
        const H = (data) => createHash(algorithm.toLowerCase().replace('sha-', 'sha')).update(data).digest('hex')
        const given = Object.fromEntries(
          [...(headers.authorization ?? '').matchAll(/([\w*]+)=(?:"([^"]*)"|([^\s,]+))/g)].map((m) => [
            m[1],
            m[2] ?? m[3],
          ]),
        )
        const a2 = H(`${method}:${request.url}${qop === 'auth-int' ? `:${H(body)}` : ''}`)
        const middle = `n:${given.nc}:${given.cnonce}:${qop}`
        const right = H(`${H('Jäsøn:realm:pässword')}:${middle}:${a2}`) === given.response
        if (right && given['username*'] === "UTF-8''J%C3%A4s%C3%B8n" && given.uri === request.url)
          return json(200, { ok: true })
        const challenge = `Digest realm="realm", nonce="n", qop="${qop}", algorithm=${algorithm}, charset=UTF-8`
        return json(401, { ok: false }, { 'www-authenticate': `Basic realm="a, b", ${challenge}` })
      }
      case 'jwt': {
        const [head, claims, signature] = (headers.authorization ?? '').replace('Bearer ', '').split('.')
        const decoded = (part) => JSON.parse(Buffer.from(part, 'base64url'))
        const { alg } = decoded(head)
        const input = Buffer.from(`${head}.${claims}`)
        if (alg === 'HS256') return open(createHmac('sha256', 'secret').update(input).digest('base64url') === signature)
        const key = createPublicKey({ format: 'jwk', key: decoded(claims).jwk })
        const options = { key, dsaEncoding: 'ieee-p1363', ...(alg.startsWith('PS') && { padding: 6, saltLength: 48 }) }
        const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`
        return open(verify(hash, input, options, Buffer.from(signature, 'base64url')))
      }
      case 'message': {
        const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
        if (body.length && headers['content-digest'] !== digest) return open(false)
        const message = { method, url: `http://${headers.host}${request.url}`, headers }
        const verify = signatures.createVerifier('secret', 'hmac-sha256')
        const verdict = signatures.httpbis.verifyMessage({ keyLookup: async () => ({ verify }) }, message)
        return open(await verdict.catch(() => false))
      }
      case 'sigv4': {
        const names = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1]?.split(';') ?? []
        const signed = aws4.sign(
          {
            service: 'execute-api',
            region: 'eu-west-1',
            method,
            path: request.url,
            host: headers.host,
            headers: Object.fromEntries(names.map((name) => [name, headers[name]])),
            body,
            // It adds a type to content that has none.
            extraHeadersToIgnore: { 'content-length': true, 'content-type': !names.includes('content-type') },
          },
          { accessKeyId: 'id', secretAccessKey: 'secret' },
        )
        return open(signed.headers.Authorization === headers.authorization)
      }
      case 'answers':
        return answered(request, response, id)
      case 's3':
        return open(opensS3(request, body))
      case 'binance': {
        const query = url.search.slice(1).replace(/&signature=\w+$/, '')
        const mac = createHmac('sha256', 'secret').update(query).update(body).digest('hex')
        return open(headers['x-mbx-apikey'] === 'id' && url.searchParams.get('signature') === mac)
      }
      case 'quota': {
        // Two in a second, counted from the first of them.
        const left = Math.max(0, 2 - seen.filter((time) => performance.now() - time < 1000).length - 1)
        return json(200, { ok: true }, { 'ratelimit-policy': '"second";q=2;w=1', ratelimit: `"second";r=${left};t=1` })
      }
      case 'github': {
        const bucket = id === 'search' ? 'search' : 'core'
        const reset = String(Math.ceil(Date.now() / 1000) + 60)
        const left = bucket === 'search' ? '0' : '41'
        const fields = { 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': left, 'x-ratelimit-reset': reset }
        return json(200, {}, { ...fields, 'x-ratelimit-resource': bucket })
      }
      case 'slow': {
        const now = (inFlight.get(id) ?? 0) + 1
        inFlight.set(id, now)
        peaks.set(id, Math.max(peaks.get(id) ?? 0, now))
        return setTimeout(() => {
          inFlight.set(id, inFlight.get(id) - 1)
          json(200, { peak: peaks.get(id) })
        }, 30)
      }
      case 'v2':
      case 'version': {
        const asked =
          route === 'v2'
            ? 'path'
            : headers['api-version'] === 'v2'
              ? 'header'
              : url.searchParams.get('api-version') === 'v2'
                ? 'query'
                : /version=v2/.test(headers.accept) && 'media-type'
        const end = { deprecation: '@1688169599', sunset: 'Thu, 01 Jan 2037 00:00:00 GMT', 'api-version': 'v2' }
        return json(200, { asked }, end)
      }
      case 'limited':
        return seen.length ? json(200, { ok: true }) : json(429, {}, { 'retry-after': '1' })
      case 'graphql':
        return json(
          200,
          seen.length
            ? { data: { a: 1 } }
            : {
                errors: [{ extensions: { code: 'THROTTLED' } }],
                extensions: {
                  cost: { requestedQueryCost: 15, throttleStatus: { currentlyAvailable: 0, restoreRate: 50 } },
                },
              },
        )
      case 'drops':
        return seen.length ? json(200, { ok: true }) : response.destroy()
      case 'away':
        return response.writeHead(302, { location: other.url }).end()
      case 'hangs':
        return undefined
      case 'echo':
        return json(200, { method, bytes: body.length, type: headers['content-type'] ?? '' })
      case 'fails':
        return json(Number(id), { ok: false })
      case 'times':
        return json(200, times.get(`/${url.searchParams.get('of')}`) ?? [])
      case 'strayed':
        return json(200, strayed)
      case '.well-known': {
        const issuer = main.url.slice(0, -1)
        if (id === 'oauth-protected-resource')
          return json(200, { resource: `${main.url}granted`, authorization_servers: [issuer] })
        return json(200, {
          issuer,
          authorization_endpoint: `${main.url}authorize`,
          token_endpoint: `${main.url}token`,
          device_authorization_endpoint: `${main.url}authorize-device`,
          backchannel_authentication_endpoint: `${main.url}authorize-elsewhere`,
          registration_endpoint: `${main.url}register`,
          jwks_uri: `${main.url}jwks`,
          authorization_response_iss_parameter_supported: true,
          id_token_signing_alg_values_supported: ['ES256'],
        })
      }
      case 'register':
        return json(201, users.clients.register(JSON.parse(String(body))))
      case 'jwks':
        return json(200, await users.clients.jwks())
      case 'authorize':
        return json(200, { location: await users.clients.authorize(url.searchParams) })
      case 'authorize-elsewhere':
        return json(200, users.clients.ask(new URLSearchParams(String(body))))
      case 'authorize-device':
        return json(200, users.device(new URLSearchParams(String(body)).get('client_id')))
      case 'grants':
        return json(200, users.grantsTo(id))
      case 'granted':
        return open(users.opens(headers.authorization))
      case 'bound': {
        const verdict = users.opensBound(headers, method, url.pathname)
        if (verdict !== 'nonce') return open(verdict)
        return json(401, {}, { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'fresh' })
      }
      case 'token': {
        const form = new URLSearchParams(String(body))
        if (form.get('grant_type') !== 'client_credentials') return json(...(await users.token(form, headers.dpop)))
        const client = headers.authorization ?? ''
        const count = (tokens.get(client) ?? 0) + 1
        tokens.set(client, count)
        // The first token of a client lives for a second, those after it long.
        return setTimeout(
          () =>
            json(200, {
              access_token: `${hash(client)}-${count}`,
              token_type: 'Bearer',
              expires_in: count === 1 ? 1 : 600,
            }),
          20,
        )
      }
      case 'tokens':
        return json(200, tokens.get(headers.authorization) ?? 0)
      case 'oauth':
        return /^Bearer \w+-[2-9]$/.test(headers.authorization ?? '') || id === 'any'
          ? json(200, { ok: true })
          : json(401, {}, exposed ? { 'www-authenticate': 'Bearer error="invalid_token"' } : {})
      default:
        return json(404, {})
    }
  })
  users = createAuthorization(main.url.slice(0, -1))
  return { url: main.url, times, close: () => [main, other].map(({ close }) => close()) }
}

/** An answer that is signed over its content and its request; the ways of being wrong are told apart by `kind`. */
async function answered({ method, url, headers }, response, kind) {
  const body = '{"ok":true}'
  const digest = { 'content-digest': `sha-256=:${createHash('sha256').update(body).digest('base64')}:` }
  const path = kind === 'other-request' ? '/answers/of-another' : url
  const asked = { method, url: `http://${headers.host}${path}`, headers }
  const fields = ['@status', 'content-digest', '@method;req', '@target-uri;req', 'signature;key="sig";req']
  const key = signatures.createSigner('secret', 'hmac-sha256', 'server')
  const signed = await signatures.httpbis.signMessage({ key, fields }, { status: 200, headers: digest }, asked)
  response.writeHead(200, signed.headers).end(kind === 'other-content' ? '{"ok":"no"}' : body)
}

function hash(text) {
  return createHmac('sha256', 'x').update(text).digest('hex').slice(0, 12)
}

async function listen(handler) {
  const server = createServer(handler)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
