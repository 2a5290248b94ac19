// What must hold in every engine, over the built package. No test framework: it would have to run everywhere first.
import { apiKey, basic, bearer, cookieSession, createClient, Secret } from 'latchkey'
import { digest } from 'latchkey/auth/digest'
import { jwt } from 'latchkey/auth/jwt'
import { createFetch } from 'latchkey/fetch'
import { hmac } from 'latchkey/hmac'
import { clientCredentials } from 'latchkey/oauth'
import { codeOf, equal, judged, safely, until } from './checks.mjs'
import { faces } from './faces.mjs'
import { grants } from './grants.mjs'
import { limits } from './limits.mjs'
import { messages } from './messages.mjs'
import { observing } from './observing.mjs'
import { vendors } from './presets.mjs'
import { sessions } from './sessions.mjs'
import { signing } from './signing.mjs'
import { stores } from './stores.mjs'

const SENTINEL = 'Zq7sentinelX9vK3pW'

/** Runs everything against `baseUrl`, and returns what failed; `engine` makes its traces on the server its own. */
export async function suite(baseUrl, engine) {
  const inBrowser = typeof document !== 'undefined'
  const key = apiKey({ name: 'X-API-Key', value: 'key' })
  const client = createClient({ baseUrl, auth: key, retry: { delay: () => 10 } })
  const ask = (path, auth, init) => client.extend({ auth }).get(path, init).json()
  const trace = (name) => `${name}/${engine}-${Math.random().toString(36).slice(2)}`
  const timesOf = (path) => client.get('times', { auth: false, searchParams: { of: path } }).json()

  const checks = {
    async 'API key in a header'() {
      equal((await ask('header', key)).ok, true)
    },
    async 'API key in the query, which no URL shows'() {
      const response = await client.get('query?page=1', { auth: apiKey({ in: 'query', name: 'k', value: 'ke y' }) })
      equal(response.url, `${baseUrl}query?page=1`)
      equal(response.clone().url, `${baseUrl}query?page=1`)
      equal((await response.json()).ok, true)
    },
    async 'API key in a cookie, or why not'() {
      const make = () => apiKey({ in: 'cookie', name: 'sid', value: 'key' })
      if (inBrowser) equal(await codeOf(make), 'runtime_unsupported')
      else equal((await ask('cookie', make())).ok, true)
    },
    async 'Basic in UTF-8'() {
      equal((await ask('basic', basic({ username: 'ada', password: 'pässword' }))).ok, true)
    },
    async 'Bearer from a text, a secret and a function'() {
      for (const token of ['token', new Secret('token'), async () => 'token'])
        equal((await ask('bearer', bearer(token))).ok, true)
    },
    async 'two credentials at once'() {
      equal((await ask('bearer', [key, bearer('token')])).ok, true)
    },
    async 'a cookie session proves the page'() {
      const session = cookieSession({ csrf: { from: () => 'csrf' } })
      equal((await client.post('echo', { auth: session }).json()).method, 'POST')
    },
    async 'HMAC over the bytes that are sent'() {
      const sign = hmac({
        secret: 'secret',
        hash: 'sha256',
        encoding: 'hex',
        message: ({ timestamp, method, target, body }) => [`${timestamp}${method}${target}`, body],
        place: ({ timestamp, signature }) => ({ headers: { 'x-time': timestamp, 'x-signature': signature } }),
      })
      const form = new FormData()
      form.set('file', new Blob(['ünïcode']), 'a.txt')
      for (const path of ['hmac', "hmac?q=a%20b&odd='()*", 'hmac?ü=^|']) equal((await ask(path, sign)).ok, true)
      for (const body of ['text', new Uint8Array(20_000), form, new URLSearchParams({ a: 'b c' }), new Blob(['x'])])
        equal((await client.post('hmac', { auth: sign, body }).json()).ok, true)
    },
    async '13 Digest with each algorithm, over each content, under one challenge'() {
      for (const algorithm of ['MD5', 'SHA-256', 'SHA-512-256'])
        for (const qop of ['auth', 'auth-int']) {
          const auth = digest({ username: 'Jäsøn', password: 'pässword' })
          const path = `digest/${algorithm}/${qop}`
          for (const body of ['text', new Uint8Array(20_000), new Blob(['x'])])
            equal((await client.post(`${path}?q=ü&x=^|`, { auth, body }).json()).ok, true, path)
        }
    },
    async '13 a token that is signed here, with each algorithm'() {
      equal((await ask('jwt', jwt({ algorithm: 'HS256', key: 'secret', claims: { iss: 'me' } }))).ok, true)
      const made = {
        RS256: {
          name: 'RSASSA-PKCS1-v1_5',
          hash: 'SHA-256',
          modulusLength: 2048,
          publicExponent: new Uint8Array([1, 0, 1]),
        },
        PS384: { name: 'RSA-PSS', hash: 'SHA-384', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
        ES256: { name: 'ECDSA', namedCurve: 'P-256' },
        EdDSA: { name: 'Ed25519' },
      }
      for (const [algorithm, parameters] of Object.entries(made)) {
        const { privateKey, publicKey } = await crypto.subtle.generateKey(parameters, true, ['sign', 'verify'])
        const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', privateKey))
        const pem = `-----BEGIN PRIVATE KEY-----\n${btoa(String.fromCharCode(...pkcs8))}\n-----END PRIVATE KEY-----`
        const jwk = await crypto.subtle.exportKey('jwk', publicKey)
        const claims = { jwk: { ...jwk, key_ops: undefined, alg: undefined } }
        for (const key of [privateKey, pem])
          equal((await ask('jwt', jwt({ algorithm, key, claims }))).ok, true, algorithm)
      }
    },
    async 'a 429 holds back all calls of its scope, and no other'() {
      const path = trace('limited')
      const fetch = createFetch({ baseUrl, auth: apiKey({ name: 'X-API-Key', value: 'key' }) })
      const first = fetch(path)
      await until(async () => (await timesOf(path)).length === 1)
      await new Promise((resolve) => setTimeout(resolve, 100))
      const others = Array.from({ length: 4 }, () => fetch(path))
      equal((await ask('header', key)).ok, true)
      for (const response of await Promise.all([first, ...others])) equal(response.status, 200)
      const [refused, probe, ...rest] = await timesOf(path)
      equal(rest.length, 4)
      equal(probe - refused >= 990, true, `the probe came after ${probe - refused} ms`)
      equal(
        rest.every((time) => time > probe),
        true,
      )
    },
    async 'a 429 whose hint is hidden is waited out all the same'() {
      const fetch = createFetch({ baseUrl, auth: apiKey({ name: 'X-API-Key', value: 'key' }) })
      equal((await fetch(`${trace('limited')}?hidden`)).status, 200)
    },
    async 'a dropped connection is tried again'() {
      equal((await ask(trace('drops'), key)).ok, true)
    },
    async 'a redirect to another origin is refused, and nothing reaches it'() {
      const before = await client.get('strayed', { auth: false }).json()
      equal(await codeOf(() => client.get('away')), 'redirect_refused')
      equal(await client.get('strayed', { auth: false }).json(), before)
    },
    async 'another origin gets no credentials'() {
      equal(await codeOf(() => client.get('https://evil.example/')), 'origin_not_allowed')
    },
    async 'an abort ends a wait and a flight with its reason'() {
      const path = trace('limited')
      const fetch = createFetch({ baseUrl, auth: apiKey({ name: 'X-API-Key', value: 'key' }), retry: 0 })
      equal((await fetch(path)).status, 429)
      for (const target of [path, 'hangs']) {
        const control = new AbortController()
        const auth = target === path ? {} : { auth: false }
        const call = fetch(target, { signal: control.signal, ...auth })
        setTimeout(() => control.abort('my reason'), 50)
        equal(await call.catch((reason) => reason), 'my reason')
      }
    },
    async 'an attempt that takes too long is ended'() {
      const error = await client.get('hangs', { timeout: 100, retry: 0 }).catch((reason) => reason)
      equal(error.name, 'TimeoutError')
    },
    async 'content of every kind arrives whole'() {
      const form = new FormData()
      form.set('a', 'b')
      for (const [body, bytes] of [
        ['text', 4],
        [new Uint8Array(7), 7],
        [new Blob(['blob']), 4],
        [new URLSearchParams({ a: 'b' }), 3],
      ])
        equal((await client.post('echo', { body }).json()).bytes, bytes)
      equal((await client.post('echo', { body: form }).json()).type.startsWith('multipart/form-data; boundary='), true)
      equal((await client.post('echo', { json: { a: 1 } }).json()).type, 'application/json')
    },
    async 'no trace of a secret in errors, events and output'() {
      const seen = []
      const strategies = [
        apiKey({ name: 'X-API-Key', value: SENTINEL }),
        apiKey({ in: 'query', name: 'k', value: SENTINEL }),
        bearer(SENTINEL),
        basic({ username: 'u', password: SENTINEL }),
      ]
      for (const auth of strategies) {
        const noisy = client.extend({ auth, retry: 0, timeout: 200, onEvent: (event) => seen.push(event) })
        for (const path of [
          'fails/404',
          'fails/500',
          'hangs',
          'away',
          trace('drops'),
          'https://evil.example/',
          'header',
        ]) {
          const outcome = await noisy.get(path).catch((error) => error)
          seen.push(outcome, outcome?.message, outcome?.stack, outcome?.cause, outcome?.url, outcome?.request?.url)
        }
      }
      const encoded = btoa(`u:${SENTINEL}`).slice(4, 16)
      for (const value of seen) {
        const text = `${String(value)} ${safely(() => JSON.stringify(value))} ${safely(() => JSON.stringify(Object.entries(value)))}`
        equal(text.includes(SENTINEL) || text.includes(encoded), false)
      }
    },
    async 'one renewal for two overlapping requests, also when the challenge is hidden'() {
      for (const query of ['', '?hidden']) {
        const { auth, tokens } = service(baseUrl, trace('two'))
        const own = client.extend({ auth })
        const answers = await Promise.all([own.get(`oauth${query}`).json(), own.get(`oauth${query}`).json()])
        equal(
          answers.every(({ ok }) => ok),
          true,
        )
        equal(await tokens(client), 2)
      }
    },
    async '1,000 requests at the moment of expiry: one token request, none fails'() {
      const { auth, tokens } = service(baseUrl, trace('thousand'))
      const own = client.extend({ auth, timeout: false })
      await own.get('oauth/any')
      equal(await tokens(client), 1)
      await new Promise((resolve) => setTimeout(resolve, 1100))
      const results = await Promise.allSettled(Array.from({ length: 1000 }, () => own.get('oauth').json()))
      const failed = results.find(({ status }) => status === 'rejected')
      equal(failed?.reason, undefined)
      equal(await tokens(client), 2)
    },
    ...signing({ baseUrl }),
    ...messages({ baseUrl }),
    ...vendors({ inBrowser }),
    ...grants({ baseUrl, trace, inBrowser }),
    ...sessions({ baseUrl, trace, inBrowser }),
    ...limits({ baseUrl, trace, timesOf, inBrowser }),
    ...observing({ baseUrl, trace }),
    ...faces({ baseUrl, trace, timesOf }),
    ...stores({ inBrowser }),
  }

  return judged(checks)
}

function service(baseUrl, name) {
  const clientId = name.replaceAll(/\W/g, '-')
  const auth = clientCredentials({ issuer: baseUrl.slice(0, -1), clientId, clientSecret: 'secret' })
  const authorization = `Basic ${btoa(`${encodeURIComponent(clientId).replaceAll('-', '%2D')}:secret`)}`
  return { auth, tokens: (client) => client.get('tokens', { auth: false, headers: { authorization } }).json() }
}

if (typeof document !== 'undefined') globalThis.runSuite = suite
