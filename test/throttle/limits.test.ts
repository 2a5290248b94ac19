import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  apiKey,
  type ClientEvent,
  type ClientOptions,
  createClient,
  createLimiter,
  HTTPError,
  type Lesson,
  RateLimitError,
  rateLimitOf,
  type Share,
} from '../../src/index.ts'
import { breaker, CircuitOpenError, graphqlThrottled } from '../../src/throttle/throttle.ts'
import { fakeCall } from '../fakes/fakes.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] }))
afterEach(() => void vi.useRealTimers())

const baseUrl = 'https://api.example.com/'
const auth = apiKey({ name: 'X-Key', value: 'key' })
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

type Reply = { status?: number; headers?: Record<string, string>; body?: string; delay?: number }

/** A client over a transport that answers by a script, and what left when. */
function scripted(script: (index: number, request: Request) => Reply, options: ClientOptions = {}) {
  const sent: { at: number; url: string; method: string; inFlight: number; headers: Headers }[] = []
  const events: ClientEvent[] = []
  let inFlight = 0
  const fetch = async (input: string | URL | Request) => {
    const { url, method, headers } = input as Request
    const { status = 200, headers: fields = {}, body = 'ok', delay = 0 } = script(sent.length, input as Request)
    sent.push({ at: performance.now(), url: new URL(url).pathname, method, inFlight: ++inFlight, headers })
    await new Promise((resolve) => setTimeout(resolve, delay))
    inFlight--
    return new Response(body, { status, headers: fields })
  }
  const client = createClient({
    baseUrl,
    auth,
    fetch: fetch as never,
    onEvent: (event) => events.push(event),
    ...options,
  })
  return { client, sent, events }
}
const quiet = <T>(promise: Promise<T>) => promise.catch((error) => error)

describe('quota', () => {
  it('T8 RateLimit "d";r=3;t=10 with ten callers: three more before t, and an older answer raises nothing', async () => {
    const rest = [3, 2, 1, 0]
    const { client, sent } = scripted((index) => ({
      headers: { ratelimit: `"d";r=${rest[index] ?? 9};t=10`, 'ratelimit-policy': '"d";q=10;w=10' },
      // The second answer comes last.
      delay: index === 1 ? 900 : 10,
    }))
    const first = client.get('')
    await pass(20)
    await vi.dynamicImportSettled()
    await pass(20)
    await first
    const others = Array.from({ length: 10 }, () => client.get(''))
    await pass(5000)
    expect(sent).toHaveLength(4)
    await pass(4900)
    expect(sent).toHaveLength(4)
    await pass(3000)
    expect((await Promise.all(others)).every(({ status }) => status === 200)).toBe(true)
    // One asks how much there is now.
    expect(sent[4]?.inFlight).toBe(1)
    expect(sent[4]!.at - sent[0]!.at).toBeGreaterThanOrEqual(10_000)
  })

  it('the lowest of several policies wins', async () => {
    const fields = {
      ratelimit: '"burst";r=1;t=1, "daily";r=0;t=30',
      'ratelimit-policy': '"burst";q=5;w=1, "daily";q=9;w=86400',
    }
    const { client, sent } = scripted(() => ({ headers: fields }))
    const first = client.get('')
    await pass(1)
    await vi.dynamicImportSettled()
    await pass(10)
    await first
    const held = client.get('')
    await pass(29_000)
    expect(sent).toHaveLength(1)
    expect(client.limits()).toMatchObject([
      { policy: 'burst', unit: 'requests', limit: 5, remaining: 1, source: 'ratelimit', waiting: 1 },
      { policy: 'daily', limit: 9, remaining: 0, resetAt: expect.any(Number) },
    ])
    await pass(2000)
    expect((await held).status).toBe(200)
  })

  it('T10 what a cached answer says is ignored', async () => {
    const { client, sent } = scripted(() => ({
      headers: { 'x-ratelimit-limit': '9', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '50', age: '3' },
    }))
    for (let i = 0; i < 3; i++) await Promise.all([client.get(''), pass(1)])
    expect(sent).toHaveLength(3)
  })

  it('T9 a call that costs more takes more, and errors count too', async () => {
    const { client, sent } = scripted((index) => ({
      headers: {
        'x-ratelimit-limit': '10',
        'x-ratelimit-remaining': String(Math.max(0, 9 - index * 4)),
        'x-ratelimit-reset': '20',
      },
      status: index ? 200 : 404,
    }))
    await Promise.all([quiet(client.get('')), pass(1)])
    const calls = [1, 2, 3].map(() => client.get('', { cost: 4 }))
    await pass(10_000)
    expect(sent).toHaveLength(3)
    await pass(15_000)
    expect((await Promise.all(calls)).length).toBe(3)
  })

  it('T4 a quota that resets later than maxWait refuses at once, with policy and time', async () => {
    const { client, sent } = scripted(() => ({
      headers: { 'x-ratelimit-limit': '9', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '3600' },
    }))
    await Promise.all([client.get(''), pass(1)])
    const now = Date.now()
    const [error] = await Promise.all([quiet(client.get('')), pass(4_000_000)])
    expect(error).toBeInstanceOf(RateLimitError)
    expect(rateLimitOf(error)).toMatchObject({ sent: false, policy: expect.any(String), retryAt: expect.any(Number) })
    expect(error.retryAt - now).toBeGreaterThan(3_500_000)
    expect(sent).toHaveLength(1)
  })

  it('T4 nobody waits longer than maxWait in a queue that moves too slowly', async () => {
    const { client, sent } = scripted(() => ({}), { limits: [{ requests: 1, per: 1000 }], maxWait: 5000 })
    const answers = Promise.all(Array.from({ length: 20 }, () => quiet(client.get(''))))
    await pass(10_000)
    const settled = await answers
    expect(settled.filter((answer) => answer instanceof RateLimitError).length).toBe(20 - sent.length)
    expect(sent.length).toBeGreaterThanOrEqual(5)
    expect(sent.length).toBeLessThanOrEqual(7)
  })
})

it('T6 a client with other credentials is not held back by what this one was refused, one with the same is', async () => {
  const { client, sent } = scripted((index) => (index ? {} : { status: 429, headers: { 'retry-after': '9' } }))
  await Promise.all([quiet(client.get('', { maxWait: 0 })), pass(1)])
  const other = client.extend({ auth: apiKey({ name: 'X-Key', value: 'another' }) })
  await Promise.all([other.get(''), pass(1)])
  expect(sent).toHaveLength(2)
  const same = client.extend({ headers: { 'x-more': '1' } })
  expect(await quiet(same.get('', { maxWait: 0 }))).toBeInstanceOf(RateLimitError)
  expect(await quiet(other.extend({ auth }).get('', { maxWait: 0 }))).toBeInstanceOf(RateLimitError)
  expect(sent).toHaveLength(2)
})

it('T4 who waits for a free place is not refused, however long that takes', async () => {
  const plenty = { 'x-ratelimit-limit': '900', 'x-ratelimit-remaining': '800', 'x-ratelimit-reset': '60' }
  const { client } = scripted((index) => (index === 50 ? { status: 429 } : { headers: plenty, delay: 1000 }), {
    limits: [{ concurrent: 1 }],
    maxWait: 5000,
  })
  const calls = Promise.all(Array.from({ length: 100 }, () => quiet(client.get(''))))
  await pass(130_000)
  expect((await calls).every((answer) => answer.status === 200)).toBe(true)
})

it('T8 an answer without a word, and no answer at all, may have counted', async () => {
  const told = { 'x-ratelimit-limit': '9', 'x-ratelimit-remaining': '2', 'x-ratelimit-reset': '30' }
  const { client, sent } = scripted((index) => (index === 0 ? { headers: told } : {}))
  for (let i = 0; i < 3; i++) await Promise.all([client.get(''), pass(1)])
  const held = client.get('')
  await pass(29_000)
  expect(sent).toHaveLength(3)
  await pass(2000)
  expect((await held).status).toBe(200)
})

describe('order', () => {
  it("T25 fetch's own priority: high before the rest, low after, first come first served within", async () => {
    const { client, sent } = scripted(() => ({ delay: 5 }), { limits: [{ concurrent: 1 }] })
    const priorities = ['auto', 'low', 'high', 'auto', 'low', 'high'] as const
    const calls = priorities.map((priority, i) => client.get(`${i}`, { priority }))
    await pass(1000)
    await Promise.all(calls)
    expect(sent.map(({ url }) => url)).toEqual(['/0', '/2', '/5', '/3', '/1', '/4'])
  })

  it('T25 over the bound of the queue a call is refused at once', async () => {
    const { client, sent } = scripted(() => ({ delay: 100 }), {
      limiter: createLimiter({ limits: [{ concurrent: 1 }], maxQueue: 3 }),
    })
    const answers = Promise.all(Array.from({ length: 6 }, () => quiet(client.get(''))))
    await pass(1000)
    const refused = 'rate_limited'
    expect((await answers).map(({ status, code }) => code ?? status)).toEqual([200, 200, 200, 200, refused, refused])
    expect(sent).toHaveLength(4)
  })

  it('T25 a hundred thousand scopes and many calls leave nothing that grows', async () => {
    vi.useRealTimers()
    const limiter = createLimiter()
    const call = fakeCall({ maxWait: 1 })
    const ok = new Response()
    const send = async () => ok
    for (let i = 0; i < 100_000; i++) await limiter.run({ ...call, scope: `s${i}` }, send)
    expect(limiter.limits?.().length).toBeLessThanOrEqual(1000)
    for (let i = 0; i < 20_000; i++) await limiter.run({ ...call, scope: `s${i & 7}` }, send)
    expect(limiter.limits?.().length).toBeLessThanOrEqual(1008)
  }, 60_000)

  it('a closed gate survives the eviction of idle scopes', async () => {
    const limiter = createLimiter()
    const call = (scope: string) => fakeCall({ scope, maxWait: 1 })
    await limiter.run(call('closed'), async () => new Response('', { status: 429, headers: { 'retry-after': '50' } }))
    for (let i = 0; i < 5000; i++) await limiter.run(call(`s${i}`), async () => new Response())
    await expect(limiter.run(call('closed'), async () => new Response())).rejects.toMatchObject({ status: 429 })
  })
})

describe('what is no limit, and what is one', () => {
  const json = { 'content-type': 'application/json' }

  it.each([
    ['insufficient_quota', '{"error":{"code":"insufficient_quota"}}', json],
    ['usage_limit_reached', '{"error":{"type":"usage_limit_reached"}}', json],
    [
      'a suspicion',
      '{"type":"https://iana.org/assignments/http-problem-types#abnormal-usage-detected"}',
      { 'content-type': 'application/problem+json' },
    ],
  ])('T17 a 429 that no wait lifts is not tried again: %s', async (_, body, headers) => {
    const { client, sent } = scripted(() => ({ status: 429, body, headers }))
    const error = await Promise.all([quiet(client.get('')), pass(30_000)]).then(([error]) => error)
    expect(error).toBeInstanceOf(HTTPError)
    expect(sent).toHaveLength(1)
  })

  it('T17 another 429 with words is tried again', async () => {
    const { client, sent } = scripted((index) =>
      index ? {} : { status: 429, body: '{"error":{"code":"rate_limit"}}', headers: json },
    )
    await Promise.all([client.get(''), pass(3000)])
    expect(sent).toHaveLength(2)
  })

  it('T17 a 403 with nothing remaining is a limit, a plain one is not', async () => {
    const limit = { 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '20' }
    const limited = scripted((index) => (index ? {} : { status: 403, headers: limit }))
    const answer = limited.client.get('')
    await pass(19_990)
    expect(limited.sent).toHaveLength(1)
    await pass(3000)
    expect((await answer).status).toBe(200)
    const plain = scripted(() => ({ status: 403, headers: { ...limit, 'x-ratelimit-remaining': '59' } }))
    await Promise.all([quiet(plain.client.get('')), pass(30_000)])
    expect(plain.sent).toHaveLength(1)
    expect(rateLimitOf(new Response('', { status: 403 }))).toBeUndefined()
  })

  it('T27 x-should-retry: false wins over the status, true allows another attempt, within bounds', async () => {
    for (const name of ['x-should-retry', 'stripe-should-retry']) {
      const no = scripted(() => ({ status: 503, headers: { [name]: 'false' } }))
      await Promise.all([quiet(no.client.get('')), pass(30_000)])
      expect(no.sent).toHaveLength(1)
      const limited = scripted(() => ({ status: 429, headers: { [name]: 'false' } }))
      await Promise.all([quiet(limited.client.get('')), pass(30_000)])
      expect(limited.sent).toHaveLength(1)
      const yes = scripted(() => ({ status: 409, headers: { [name]: 'true' } }))
      await Promise.all([quiet(yes.client.post('', { json: 1 })), pass(60_000)])
      expect(yes.sent).toHaveLength(3)
    }
  })

  it('a GraphQL refusal in a 200 is waited for, as long as the query costs', async () => {
    const body = (code: string) =>
      JSON.stringify({
        errors: [{ message: 'x', extensions: { code } }],
        extensions: { cost: { requestedQueryCost: 100, throttleStatus: { maximumAvailable: 1000, currentlyAvailable: 50, restoreRate: 50 } } }, // biome-ignore format: one line
      })
    const { client, sent } = scripted((index) => ({ body: index ? '{"data":{}}' : body('THROTTLED'), headers: json }), {
      throttled: graphqlThrottled,
    })
    const answer = client.post('graphql', { json: { query: '{a}' } }).json()
    await pass(10)
    const other = client.post('graphql', { json: { query: '{b}' } }).json()
    await pass(980)
    expect(sent).toHaveLength(1)
    await pass(500)
    expect(await Promise.all([answer, other])).toEqual([{ data: {} }, { data: {} }])
    const plain = scripted(() => ({ body: body('NOT_FOUND'), headers: json }), { throttled: graphqlThrottled })
    expect(await Promise.all([plain.client.post('').json(), pass(10)])).toHaveLength(2)
    expect(plain.sent).toHaveLength(1)
  })

  it('T29 warns once for each origin where a page cannot see when to come back', async () => {
    const hidden = Object.defineProperty(new Response('', { status: 429 }), 'type', { value: 'cors' })
    const events: ClientEvent[] = []
    let count = 0
    const fetch = async () => (++count < 4 ? hidden : new Response('ok'))
    const client = createClient({ baseUrl, auth, fetch: fetch as never, onEvent: (event) => events.push(event) })
    await Promise.all([client.get(''), pass(10_000)])
    expect(count).toBe(4)
    expect(events.filter(({ type }) => type === 'warning')).toEqual([
      expect.objectContaining({ code: 'headers_hidden', expose: expect.stringContaining('Retry-After') }),
    ])
  })

  it('T24 rateLimitOf tells the time for refusals here and by the server', async () => {
    const { client } = scripted(() => ({ status: 429, headers: { 'retry-after': '900' } }))
    const [byServer, here] = [
      await Promise.all([quiet(client.get('')), pass(1)]).then(([e]) => e),
      await quiet(client.get('')),
    ]
    for (const [error, sent] of [
      [byServer, true],
      [here, false],
    ] as const) {
      const limit = rateLimitOf(error)
      expect(limit).toMatchObject({ sent, status: 429 })
      expect(limit!.retryAt! - Date.now()).toBeGreaterThan(899_000)
    }
    expect(rateLimitOf(new Error('other'))).toBeUndefined()
    expect(rateLimitOf(undefined)).toBeUndefined()
    expect(rateLimitOf(new Response('', { status: 429 }))).toEqual({ sent: true, status: 429 })
  })

  it('T24 limits() tells what is declared and what was learned', async () => {
    const { client } = scripted((index) => (index === 2 ? { status: 429 } : {}), {
      limits: [{ requests: 100, per: 60_000 }, { concurrent: 8 }],
    })
    await Promise.all([client.get(''), client.get(''), client.get(''), pass(1000)])
    expect(client.limits()).toMatchObject([
      { policy: 'learned', source: 'learned', limit: expect.any(Number), window: expect.any(Number) },
      { policy: 'declared', unit: 'requests', limit: 100, window: 60_000 },
      { policy: 'declared', unit: 'concurrent-requests', limit: 8 },
    ])
  })
})

describe('shared with others', () => {
  it('tells what it learned, and takes what it hears as its own', async () => {
    const told: [string, Lesson][] = []
    let hear: Parameters<Share['hear']>[0] = () => {}
    const share: Share = {
      tell: (scope, lesson) => void told.push([scope, lesson]),
      hear(listener) {
        hear = listener
      },
    }
    const { client, sent } = scripted(
      (index) => (index === 1 ? { status: 429, headers: { 'retry-after': '3' } } : {}),
      {
        limiter: createLimiter({ share }),
      },
    )
    await Promise.all([client.get(''), pass(1)])
    expect(told).toHaveLength(0)
    const second = client.get('')
    await pass(10)
    const [scope, lesson] = told[0]!
    expect(lesson).toMatchObject({ status: 429, retryAt: expect.any(Number) })
    await pass(4000)
    await second
    hear(scope, { at: Date.now(), retryAt: Date.now() + 5000, status: 429 })
    const held = client.get('')
    await pass(4999)
    expect(sent).toHaveLength(3)
    await pass(10)
    expect((await held).status).toBe(200)
    hear(scope, {
      at: Date.now(),
      readings: [{ policy: 'd', unit: 'requests', limit: 9, remaining: 0, resetAfter: 7000, source: 'ratelimit' }],
    })
    const third = client.get('')
    await pass(6999)
    expect(sent).toHaveLength(4)
    await pass(10)
    expect((await third).status).toBe(200)
  })
})

describe('a circuit breaker', () => {
  it('opens after failures, refuses at once, lets one try, and closes when that succeeds', async () => {
    let status = 503
    const { client, sent } = scripted(() => ({ status, delay: 50 }), {
      limiter: breaker({ failures: 3, openFor: 10_000 }),
      retry: 0,
    })
    for (let i = 0; i < 3; i++) await Promise.all([quiet(client.get('')), pass(60)])
    const error = await quiet(client.get(''))
    expect(error).toBeInstanceOf(CircuitOpenError)
    expect(error).toMatchObject({ code: 'circuit_open', origin: 'https://api.example.com' })
    expect(error.retryAt - Date.now()).toBeGreaterThan(9000)
    expect(sent).toHaveLength(3)
    await pass(10_000)
    // Half open: one tries, the others are refused.
    const half = [quiet(client.get('')), quiet(client.get(''))]
    await pass(60)
    expect(sent).toHaveLength(4)
    expect((await half[1]!) as unknown).toBeInstanceOf(CircuitOpenError)
    expect(await quiet(client.get(''))).toBeInstanceOf(CircuitOpenError)
    await pass(10_000)
    status = 200
    await Promise.all([client.get(''), pass(60)])
    await Promise.all([client.get(''), client.get(''), pass(60)])
    expect(sent).toHaveLength(7)
  })

  it('a refusal or an abort of the caller is no failure', async () => {
    const { client, sent } = scripted((index) => ({ status: index < 5 ? 429 : 200, delay: 50 }), {
      limiter: breaker({ failures: 2 }),
      maxWait: 600_000,
    })
    await Promise.all([client.get(''), pass(60_000)])
    expect(sent).toHaveLength(6)
    for (let i = 0; i < 4; i++) {
      const control = new AbortController()
      const call = quiet(client.get('', { signal: control.signal }))
      await pass(10)
      control.abort()
      await call
    }
    await Promise.all([client.get(''), pass(60)])
  })
})
