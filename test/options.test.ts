import { describe, expect, it } from 'vitest'
import { createFetch } from '../src/fetch.ts'
import { apiKey, type ClientEvent, type ClientOptions, createClient, isHTTPError, SchemaValidationError } from '../src/index.ts' // biome-ignore format: one line
import { type Arrived, serve } from './servers/raw.ts'

const baseUrl = 'https://api.example.com'
const echo = async (input: unknown) => {
  const request = input as Request
  const { url, method } = request
  return Response.json({ url, method, headers: Object.fromEntries(request.headers), text: await request.text() })
}

describe('options of the client', () => {
  const refused: [object, RegExp][] = [
    [{ prefixUrl: baseUrl }, /baseUrl/],
    [{ baseURL: baseUrl }, /baseUrl/],
    [{ maxRetryAfter: 1 }, /not an option/],
    [{ afterStatusCodes: [429] }, /retry\.statusCodes/],
    [{ retry: { maxRetryAfter: 1 } }, /maxWait/],
    [{ retry: { afterStatusCodes: [] } }, /statusCodes/],
    [{ hooks: { beforeRetry: [] } }, /retry\.shouldRetry/],
    [{ limit: 1 }, /`limits`/],
    [{ concurrency: 1 }, /limits: \[\{ concurrent: 8 \}\]/],
    [{ timeOut: 1 }, /`timeout`/],
    [{ onevent: 1 }, /`onEvent`/],
    [{ nothing: 1 }, /not an option/],
    [{ timeout: 0 }, /timeout/],
    [{ timeout: Number.NaN }, /timeout/],
    [{ timeout: '1000' }, /timeout/],
    [{ timeout: true }, /timeout/],
    [{ timeout: 2 ** 31 }, /timeout/],
    [{ totalTimeout: -1 }, /totalTimeout/],
    [{ maxWait: -1 }, /maxWait/],
    [{ maxWait: '5' }, /maxWait/],
    [{ retry: -1 }, /limit/],
    [{ retry: 1.5 }, /retry\.limit/],
    [{ retry: 'often' }, /retry/],
    [{ retry: { methods: 'get' } }, /retry\.methods/],
    [{ retry: { methods: [1] } }, /retry\.methods/],
    [{ retry: { delay: 5 } }, /retry\.delay/],
    [{ retry: { shouldRetry: true } }, /retry\.shouldRetry/],
    [{ crossOrigin: 'follow' }, /crossOrigin/],
    [{ crossOrigin: '' }, /crossOrigin/],
    [{ idempotencyKey: '' }, /idempotencyKey/],
    [{ idempotencyKey: 'a b' }, /idempotencyKey/],
    [{ idempotencyKey: false }, /idempotencyKey/],
    [{ limits: [{ concurrent: 0 }] }, /limits/],
    [{ limits: [{}] }, /limits/],
    [{ limits: [{ requests: 10 }] }, /limits/],
    [{ limits: [{ requests: 10, per: '1s' }] }, /limits/],
    [{ limits: [{ requests: 10, per: 1000, concurrent: 1 }] }, /limits/],
    [{ limits: { concurrent: 1 } }, /limits/],
    [{ limits: 'off' }, /limits/],
    [{ cost: -1 }, /cost/],
    [{ maxReplayBytes: -1 }, /maxReplayBytes/],
    [{ origins: baseUrl }, /origins/],
    [{ origins: ['*'] }, /origins/],
    [{ origins: ['/api'] }, /origins/],
    [{ origins: ['//api.example.com'] }, /origins/],
    [{ baseUrl: 'api.example.com' }, /baseUrl/],
    [{ fetch: 'fetch' }, /fetch/],
    [{ onEvent: [] }, /onEvent/],
    [{ limiter: {} }, /limiter/],
  ]
  for (const [options, message] of refused)
    it(`7 refuses ${JSON.stringify(options)} at creation and says what to write`, () => {
      const wrong = expect.objectContaining({ code: 'invalid_option', message: expect.stringMatching(message) })
      expect(() => createClient({ baseUrl, ...options } as ClientOptions)).toThrowError(wrong)
      expect(() => createClient({ baseUrl }).extend(options as ClientOptions)).toThrowError(wrong)
    })

  it('refuses ky.retry() and what belongs to the client on a call', async () => {
    const { default: ky } = await import('ky')
    const client = createClient({ baseUrl, fetch: echo })
    const hooks = { afterResponse: [() => ky.retry()] }
    await expect(client.get('a', { hooks })).rejects.toMatchObject({ code: 'invalid_option' })
    for (const options of [{ origins: [] }, { fetch: echo }, { limits: 'none' }, { onEvent() {} }, { prefixUrl: '/' }])
      expect(() => client.get('a', options as object)).toThrowError(expect.objectContaining({ code: 'invalid_option' }))
  })
})

describe("ky's options", () => {
  it('still work: json, searchParams, headers that merge, hooks, parseJson, stringifyJson', async () => {
    const client = createClient({ baseUrl: `${baseUrl}/v1/`, fetch: echo, headers: { a: '1', b: '1' }, searchParams: { p: '1' } }) // biome-ignore format: one line
    const extended = client.extend({ headers: { b: '2', c: '2' } })
    const got = await extended.post('x', { json: { n: 1 }, headers: { c: '3' }, searchParams: { q: 'ä b' } }).json<Record<string, unknown>>() // biome-ignore format: one line
    expect(got).toMatchObject({ method: 'POST', text: '{"n":1}', headers: { a: '1', b: '2', c: '3', 'content-type': 'application/json' } }) // biome-ignore format: one line
    expect(got.url).toMatch(/\/v1\/x\?.*q=%C3%A4\+b/)
    const parsed = await client.get('x', { parseJson: () => 'parsed' }).json()
    expect(parsed).toBe('parsed')
    const written = await client.put('x', { json: { n: 1 }, stringifyJson: () => 'own' }).json<{ text: string }>()
    expect(written.text).toBe('own')
    const hooks = { beforeRequest: [({ request }: { request: Request }) => request.headers.set('hooked', 'yes')], afterResponse: [() => Response.json('changed')] } // biome-ignore format: one line
    expect(await client.get('x', { hooks }).json()).toBe('changed')
  })

  it('schema, throwHttpErrors and onDownloadProgress', async () => {
    const schema = { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'no' }] }) } } as const // biome-ignore format: one line
    const client = createClient({ baseUrl, fetch: echo })
    await expect(client.get('x').json(schema)).rejects.toBeInstanceOf(SchemaValidationError)
    const failing = createClient({ baseUrl, retry: 0, fetch: async () => Response.json({ why: 'x' }, { status: 418 }) })
    const error = await failing.get('x').catch((thrown) => thrown)
    expect(isHTTPError(error) && error.data).toEqual({ why: 'x' })
    expect((await failing.get('x', { throwHttpErrors: false })).status).toBe(418)
    let transferred = 0
    await client.get('x', { onDownloadProgress: (progress) => { transferred = progress.transferredBytes } }).text() // biome-ignore format: one line
    expect(transferred).toBeGreaterThan(10)
  })
})

describe('the transport', () => {
  it('receives the options that only it knows, of the client, of extend and of a call', async () => {
    const seen: Record<string, unknown>[] = []
    const fetch = async (_: unknown, init?: unknown) => {
      seen.push(init as Record<string, unknown>)
      return Response.json(1)
    }
    const client = createClient({ baseUrl, fetch, dispatcher: 'proxy' } as ClientOptions)
    await client.get('a', { next: { tags: ['a'] } } as object)
    await client.extend({ tls: 't' } as object).get('a', { dispatcher: 'own' } as object)
    await client.fetch('/a', { cf: 1 } as object)
    expect(seen[0]).toMatchObject({ dispatcher: 'proxy', next: { tags: ['a'] } })
    expect(seen[1]).toMatchObject({ dispatcher: 'own', tls: 't' })
    expect(seen[2]).toMatchObject({ dispatcher: 'proxy', cf: 1 })
    expect(Object.keys(seen[0]!).sort()).toEqual(['dispatcher', 'next', 'signal'])
  })

  it('is the fetch of the platform, looked up for each attempt', async () => {
    const own = globalThis.fetch
    const client = createClient({ baseUrl })
    globalThis.fetch = async () => Response.json('patched later')
    try {
      expect(await client.get('a').json()).toBe('patched later')
      expect(await (await createFetch({ baseUrl })('/a')).json()).toBe('patched later')
    } finally {
      globalThis.fetch = own
    }
  })
})

describe('client.fetch and createFetch behave like fetch', () => {
  it('return every answer, send what fetch sends, and abort with the reason', async () => {
    const arrived: Arrived[] = []
    const origin = await serve((request) => {
      arrived.push(request)
      return request.target === '/slow' ? new Promise(() => {}) : { status: 418, body: 'tea' }
    })
    const wire = ({ method, target, headers, body }: Arrived) => ({ method, target, headers, body: body.toString() })
    for (const ours of [createFetch({ baseUrl: origin }), createClient({ baseUrl: origin }).fetch])
      for (const args of [
        [`${origin}/a?b#c`],
        [new URL('/a', origin), { method: 'POST', body: new URLSearchParams({ a: 'ä b' }) }],
        [new Request(`${origin}/a`, { method: 'PUT', body: 'text', headers: { 'x-a': '1' } })],
        [
          new Request(`${origin}/a`, { method: 'PUT', body: 'text' }),
          { body: new Uint8Array(3), headers: { 'x-b': '1' } },
        ],
        [
          `${origin}/a`,
          {
            method: 'delete',
            headers: [
              ['x-c', '1'],
              ['x-c', '2'],
            ],
          },
        ],
        [`${origin}/a`, { method: 'POST', body: new Blob(['{}'], { type: 'application/json' }) }],
      ] as [string, RequestInit?][]) {
        const [input, init] = args
        const [one, two] = [await ours((input as unknown) instanceof Request ? (input as unknown as Request).clone() : input, init), await fetch(input, init)] // biome-ignore format: one line
        expect([one.status, one.url, await one.text()]).toEqual([two.status, two.url, await two.text()])
        const [a, b] = arrived.slice(-2) as [Arrived, Arrived]
        expect(wire(a)).toEqual(wire(b))
      }
    const reason = new Error('enough')
    const control = new AbortController()
    setTimeout(() => control.abort(reason), 10)
    await expect(createFetch({ baseUrl: origin })('/slow', { signal: control.signal })).rejects.toBe(reason)
  })
})

describe('limits() and events', () => {
  it('tell what happens, in order, and no secret', async () => {
    const events: ClientEvent[] = []
    const statuses = [503, 429, 307, 200]
    const origin = await serve(() => {
      const status = statuses.shift() ?? 200
      return { status, headers: status === 307 ? { location: '/b?x=2' } : status === 429 ? { 'retry-after': '0' } : {} } // biome-ignore format: one line
    })
    const auth = apiKey({ in: 'query', name: 'k', value: 'key-of-the-events' })
    const client = createClient({ baseUrl: origin, auth, onEvent: (event) => void events.push(event), retry: { delay: () => 1 } }) // biome-ignore format: one line
    await client.get('a?x=1')
    const told = events.filter(({ type }) => type !== 'wait')
    expect(told.map(({ type }) => type)).toEqual(['attempt', 'response', 'retry', 'attempt', 'response', 'retry', 'attempt', 'response', 'replay', 'attempt', 'response', 'end']) // biome-ignore format: one line
    const request = { id: expect.any(Number), method: 'GET', url: `${origin}/a` }
    expect(told[0]).toEqual({ ...request, type: 'attempt', number: 1, waited: expect.any(Number) })
    expect(told[1]).toEqual({ ...request, type: 'response', number: 1, status: 503, duration: expect.any(Number) })
    expect(told[2]).toEqual({ ...request, type: 'retry', number: 1, delay: expect.any(Number), reason: 'status', status: 503 }) // biome-ignore format: one line
    expect(told[5]).toMatchObject({ type: 'retry', reason: 'throttled', status: 429 })
    expect(told[8]).toEqual({ ...request, type: 'replay', number: 3, reason: 'redirect' })
    expect(told[9]).toMatchObject({ type: 'attempt', number: 4, url: `${origin}/b` })
    expect(events.some((event) => event.type === 'wait' && event.reason === 'gate')).toBe(true)
    expect(JSON.stringify([events, client.limits()])).not.toMatch(/key-of|\?/)
    expect(client.limits()).toMatchObject([{ scope: expect.stringContaining(origin), inFlight: 0, waiting: 0 }])
  })
})

it('a masked URL stays masked when the answer was looked into before', async () => {
  const origin = await serve(({ target }) => ({
    status: 400,
    body: target.includes('key-of') ? 'with key' : 'without',
  }))
  const auth = apiKey({ in: 'query', name: 'k', value: 'key-of-the-query' })
  const retry = { methods: ['get'], shouldRetry: async ({ response }: { response: Response | undefined }) => (await response?.text()) === 'never' } // biome-ignore format: one line
  const response = await createFetch({ baseUrl: origin, auth, retry })('/a?x=1')
  expect([response.url, response.clone().url, response.clone().clone().url]).toEqual(Array(3).fill(`${origin}/a?x=1`))
  expect(await response.text()).toBe('with key')
})

it('createFetch refuses at creation what belongs to a request, instead of ignoring it', () => {
  for (const name of ['headers', 'method', 'body', 'json', 'redirect'])
    expect(() => createFetch({ [name]: {} })).toThrow(`\`${name}\` is not an option`)
})

it.each([null, 'https://api.example.com', () => ({ baseUrl })])(
  'options that are no object are refused: %s',
  (options) => {
    for (const take of [createClient, createFetch, createClient().extend])
      expect(() => take(options as never)).toThrow('Options are an object')
  },
)

it('fetch takes null for its options, as the platform does', async () => {
  const response = await createFetch({ fetch: echo })(baseUrl, null as never)
  expect((await response.json()).method).toBe('GET')
})
