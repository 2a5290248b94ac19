import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { hmac } from '../../src/hmac/hmac.ts'
import {
  type AuthStrategy,
  apiKey,
  basic,
  bearer,
  type ClientEvent,
  cookieSession,
  createClient,
  Secret,
} from '../../src/index.ts'
import { api, limited } from '../servers/api.ts'

/** One of a kind, so that any trace of it is found. */
const SENTINEL = 'Zq7sentinelX9vK3pW'

const strategies: Record<string, (value: never) => AuthStrategy> = {
  'apiKey header': (value) => apiKey({ name: 'X-Key', value }),
  'apiKey query': (value) => apiKey({ in: 'query', name: 'key', value }),
  'apiKey cookie': (value) => apiKey({ in: 'cookie', name: 'sid', value }),
  basic: (value) => basic({ username: 'user', password: value }),
  bearer: (value) => bearer(value),
  'bearer source': (value) =>
    bearer({
      token: async () => ({
        value: new Secret(await given(value)),
        type: 'Bearer',
      }),
      renew: async () => true,
    }),
  'cookieSession csrf': (value) => cookieSession({ csrf: { from: () => given(value) } }),
  hmac: (value) =>
    hmac({
      keyId: 'id',
      secret: value,
      hash: 'sha256',
      encoding: 'hex',
      message: ({ target }) => target,
      place: ({ keyId, signature }) => ({ headers: { 'x-id': keyId, 'x-signature': signature } }),
    }),
}
/** The text of a value, however it was given. */
async function given(value: string | Secret<string> | (() => unknown)): Promise<string> {
  const got = typeof value === 'function' ? await value() : value
  return got instanceof Secret ? got.use(String) : String(got)
}

const forms = {
  text: SENTINEL,
  secret: new Secret(SENTINEL),
  function: () => SENTINEL,
  'async function': async () => new Secret(SENTINEL),
}

/** The sentinel in every disguise it could wear. */
function traces(text: string): boolean {
  const user = Buffer.from(`user:${SENTINEL}`).toString('base64')
  return [
    SENTINEL,
    SENTINEL.slice(0, 8),
    Buffer.from(SENTINEL).toString('base64').slice(0, 12),
    user.slice(8, 20),
    encodeURIComponent(SENTINEL),
  ].some((trace) => text.includes(trace))
}

/** Every way a value could come to light. */
function sinks(value: unknown): string[] {
  const out = [
    String(value),
    inspect(value),
    inspect(value, { depth: 12, showHidden: true, getters: true }),
    inspect(value, { depth: 12, customInspect: false }),
  ]
  const tries = [
    () => JSON.stringify(value),
    () => inspect(structuredClone(value), { depth: 9 }),
    () => (value as Error).stack,
    () => inspect(Object.entries(value as object), { depth: 9 }),
    () => `${(value as Error).message}${inspect((value as Error).cause, { depth: 9 })}`,
  ]
  for (const sink of tries) {
    try {
      out.push(String(sink()))
    } catch {}
  }
  return out
}

const cases = Object.keys(strategies).flatMap((name) => Object.keys(forms).map((form) => [name, form] as const))

it.each(cases)('9 no trace of the secret of %s, given as %s, however a request ends', async (name, form) => {
  const make = strategies[name] as (value: never) => AuthStrategy
  const auth = make(forms[form as keyof typeof forms] as never)
  const other = await api()
  const { url } = await api((request, _index, response) => {
    const path = request.url.split('?')[0]
    if (path === '/drop') return void response.destroy()
    if (path === '/hang') return undefined
    if (path === '/limited') return limited('999')
    if (path === '/away') return { status: 302, headers: { location: other.url } }
    return { status: Number(path?.slice(1)) || 200 }
  })
  const events: ClientEvent[] = []
  const seenByHooks: unknown[] = []
  const client = createClient({
    baseUrl: url,
    auth,
    retry: { limit: 1, delay: () => 1 },
    timeout: 100,
    onEvent: (event) => events.push(event),
    hooks: {
      beforeRequest: [(state) => void seenByHooks.push(state)],
      afterResponse: [(state) => void seenByHooks.push(state)],
      beforeError: [
        (state) => {
          seenByHooks.push(state)
          return state.error
        },
      ],
    },
  })
  const method = name.startsWith('cookieSession') ? 'post' : 'get'
  const found: unknown[] = [auth, client, client.limits(), inspect(client, { showHidden: true })]
  for (const path of ['200', '404', '401', '503', 'drop', 'hang', 'away', 'limited', 'limited'])
    found.push(await client[method](path).catch((error) => error))
  const ok = found[4] as Response
  found.push(ok.url, ok.clone().url, ok.clone())
  found.push(await client[method]('https://evil.example/').catch((error) => error))
  found.push(
    await Promise.resolve()
      .then(() => client[method]('', { auth: [auth, auth] }))
      .catch((error) => error),
  )
  const noisy = async (input: unknown) => {
    const { url: wire } = input as Request
    throw new TypeError(`error sending request for url (${wire}): fetch failed`, {
      cause: { code: 'ECONNREFUSED', path: wire },
    })
  }
  found.push(
    await createFetch({ baseUrl: url, auth, fetch: noisy as never, retry: 0 })(url, { method }).catch((error) => error),
  )
  found.push(
    await createClient({ baseUrl: url, auth, fetch: noisy as never, retry: 0 })
      [method]('')
      .catch((error) => error),
  )

  for (const value of [...found, ...seenByHooks, ...events])
    for (const text of sinks(value)) expect(traces(text) ? text : '').toBe('')
  expect(other.seen).toHaveLength(0)
  expect(found.length).toBeGreaterThan(15)
})

it('9 the Secret gives itself away in no way but `use`', () => {
  const secret = new Secret(SENTINEL)
  const texts = [
    ...sinks(secret),
    ...sinks({ secret }),
    `${secret}`,
    `a${secret as never}`,
    JSON.stringify([secret]),
    inspect(new Map([[secret, secret]])),
    String(new URLSearchParams({ a: String(secret) })),
    inspect({ ...secret }),
  ]
  for (const text of texts) expect(traces(text)).toBe(false)
  expect(secret.use((value) => value)).toBe(SENTINEL)
  expect(() => Object.assign(secret, { value: 1 })).toThrow()
})

it('9 a credential that cannot be sent is refused without being quoted', async () => {
  const { url, seen } = await api()
  for (const make of Object.values(strategies)) {
    for (const bad of [`${SENTINEL}\n`, `${SENTINEL}\r\nx: y`, `${SENTINEL}\u0000`]) {
      for (const value of [bad, () => bad, new Secret(bad)]) {
        const error = await Promise.resolve()
          .then(() => createFetch({ baseUrl: url, auth: make(value as never) })(url, { method: 'POST' }))
          .catch((reason) => reason)
        for (const text of sinks(error)) expect(traces(text) ? text : '').toBe('')
      }
    }
  }
  expect(seen.every(({ headers }) => !traces(JSON.stringify([headers['x-key'], headers.authorization])))).toBe(true)
})
