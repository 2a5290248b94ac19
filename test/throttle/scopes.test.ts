import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type QuotaReading, readQuota } from '../../src/throttle/header-fields.ts'
import { createLimiter, type LimiterOptions } from '../../src/throttle/limiter.ts'
import type { Lesson, Share } from '../../src/throttle/share.ts'
import type { LimitedCall } from '../../src/types.ts'
import { fakeCall } from '../fakes/fakes.ts'

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 28), toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const TRIP = 20
const pass = (duration: number) => vi.advanceTimersByTimeAsync(duration)
type Script = (index: number) => { status?: number; headers?: Record<string, string>; trip?: number } | Error

/** A limiter before a server that answers as scripted after 20 ms; what left, when, and with whom in flight. */
function limited(script: Script = () => ({}), options: LimiterOptions = {}) {
  const limiter = createLimiter(options)
  const began = performance.now()
  const left: number[] = []
  const waits: [string, number][] = []
  let inFlight = 0
  let most = 0
  const send = async () => {
    const answer = script(left.push(performance.now() - began) - 1)
    most = Math.max(most, ++inFlight)
    await new Promise((resolve) => setTimeout(resolve, answer instanceof Error ? TRIP : (answer.trip ?? TRIP)))
    inFlight--
    if (answer instanceof Error) throw answer
    const { status = 200, headers = {} } = answer
    return new Response(null, { status, headers })
  }
  const call = (more: Partial<LimitedCall> = {}) => {
    const made = limiter.run(
      fakeCall({
        waiting: (reason, duration) => void waits.push([reason, duration]),
        peek: async () => '',
        ...more,
      }),
      send,
    )
    made.catch(() => {})
    return made
  }
  const many = (count: number, more?: Partial<LimitedCall>) => Array.from({ length: count }, () => call(more))
  return { ...limiter, call, many, left, waits, most: () => most }
}

const remaining = (count: number, reset: number) => ({ 'x-ratelimit-remaining': `${count}`, 'x-ratelimit-reset': `${reset}` }) // biome-ignore format: one line

describe('a scope of which nothing is known', () => {
  it('has 16 in flight until 16 were answered, then 40', async () => {
    const { many, left, most, waits } = limited()
    void many(100)
    expect([left.length, waits[0]]).toEqual([16, ['concurrency', Number.POSITIVE_INFINITY]])
    await pass(TRIP)
    expect(left.length).toBe(16 + 40)
    await pass(1000)
    expect([left.length, most()]).toEqual([100, 40])
  })

  it('has no bound where the user says that there is none, until it is refused', async () => {
    const { many, left, call } = limited((index) => (index === 299 ? { status: 429, headers: { 'retry-after': '1' } } : {}), { limits: 'none' }) // biome-ignore format: one line
    void many(300)
    expect(left.length).toBe(300)
    await pass(TRIP)
    void call()
    await pass(979)
    expect(left.length).toBe(300)
    await pass(21)
    expect(left.length).toBe(301)
  })

  it('fails like the call, and goes on', async () => {
    const { call, left } = limited((index) => (index ? {} : new Error('broken')))
    const first = call()
    await pass(TRIP)
    await expect(first).rejects.toThrow('broken')
    void call()
    expect(left.length).toBe(2)
  })
})

describe('a refusal', () => {
  it('holds all until the server’s time is over, then one asks, then more and more', async () => {
    const { many, left, call, waits, limits } = limited((index) => (index ? {} : { status: 429, headers: { 'retry-after': '2' } })) // biome-ignore format: one line
    await Promise.all([call(), pass(TRIP)])
    const at = performance.now()
    expect(limits()).toMatchObject([{ scope: 'a', inFlight: 0, waiting: 0, retryAt: Date.now() + 2000 }])
    void many(30)
    expect(waits[0]).toEqual(['gate', 2000])
    expect(waits.slice(1).every(([reason]) => reason === 'gate')).toBe(true)
    await pass(1999)
    expect(left.length).toBe(1)
    await pass(1)
    expect(left.length).toBe(2)
    expect(waits.at(-1)?.[0]).toMatch(/probe|queue/)
    await pass(TRIP - 1)
    expect(left.length).toBe(2)
    await pass(1)
    expect(left.length).toBe(4)
    await pass(TRIP)
    expect(left.length).toBe(8)
    expect(performance.now() - at).toBeLessThan(2100)
    await pass(1000)
    expect(left.length).toBe(31)
  })

  it('of many that left together is one, and a success of those opens nothing', async () => {
    const { many, left, limits, call } = limited((index) =>
      index < 3 ? { status: 429, headers: { 'retry-after': '1' } } : index < 5 ? { trip: 40 } : {},
    )
    void many(5)
    await pass(40)
    void call()
    expect(left.length).toBe(5)
    await pass(979)
    expect(left.length).toBe(5)
    await pass(1)
    expect(left.length).toBe(6)
    await pass(TRIP)
    expect(limits()[0]).not.toHaveProperty('retryAt')
  })

  it.each([
    ['429', 429, {}, true],
    ['403 with a time', 403, { 'retry-after': '3' }, true],
    ['503 with a time', 503, { 'retry-after': '3' }, true],
    ['503', 503, {}, false],
    ['404 with a time', 404, { 'retry-after': '3' }, false],
    ['200 with a time', 200, { 'retry-after': '3' }, false],
  ])('%s closes the gate: %s %j %s', async (_, status, headers, closes) => {
    const { call, limits } = limited(() => ({ status, headers }))
    await Promise.all([call(), pass(TRIP)])
    expect('retryAt' in limits()[0]!).toBe(closes)
  })

  it('that a classifier saw is one, for as long as it says', async () => {
    const { call, limits } = limited()
    await Promise.all([call({ refused: () => 7000 }), pass(TRIP)])
    expect(limits()[0]).toMatchObject({ retryAt: Date.now() + 7000 })
    const other = limited()
    await Promise.all([other.call({ refused: () => undefined }), pass(TRIP)])
    expect(other.limits()[0]).not.toHaveProperty('retryAt')
  })

  it('T3 of several quotas that are used up the longest is meant', async () => {
    const used = (policy: string, resetAfter: number) => ({ policy, unit: 'requests', remaining: 0, resetAfter, source: 'own' }) // biome-ignore format: one line
    const { call, limits } = limited(() => ({ status: 429 }), { quota: () => [used('a', 1000), used('b', 9000), used('c', 2000)] }) // biome-ignore format: one line
    await Promise.all([call(), pass(TRIP)])
    expect(limits()[0]).toMatchObject({ retryAt: Date.now() + 9000 })
  })

  it('whose quota is used up lasts until that is there again', async () => {
    const { call, limits } = limited(() => ({ status: 429, headers: remaining(0, 9) }))
    await Promise.all([call(), pass(TRIP)])
    expect(limits()).toMatchObject([{ retryAt: Date.now() + 9000, policy: 'default', remaining: 0 }])
  })
})

it('a call waits as long as it may, however long others waited before it came', async () => {
  const { call } = limited((index) => (index < 2 ? { status: 429, headers: { 'retry-after': index ? '2' : '9' } } : {}))
  await Promise.all([call(), pass(TRIP)])
  await Promise.all([call(), pass(9000 + TRIP)])
  const late = call({ maxWait: 3000 })
  await pass(2000 + TRIP)
  expect((await late).status).toBe(200)
})

describe('a refusal without a word of its own', () => {
  it('means the instant that a field names, unless that is of a quota which is not used up', async () => {
    for (const [headers, retryAt] of [
      [{ 'x-ratelimit-reset': '7' }, 7000],
      [remaining(3, 7), 300],
    ] as const) {
      const { call, limits } = limited(() => ({ status: 429, headers }))
      await Promise.all([call(), pass(TRIP)])
      expect((limits()[0]?.retryAt as number) - Date.now()).toBe(retryAt)
    }
  })
})

describe('a quota', () => {
  it('that is long over says nothing to who comes when nobody is there', async () => {
    const { call, many, left } = limited((index) => (index ? {} : { headers: remaining(0, 3) }))
    await Promise.all([call(), pass(60_000)])
    void many(10)
    expect(left.length).toBe(11)
  })

  it('is told with its partition where it has one, and without that word else', async () => {
    const fields = {
      'ratelimit-policy': '"a";q=10;w=60;pk=:Zm9v:, "b";q=5;w=60',
      ratelimit: '"a";r=4;t=3, "b";r=2;t=3',
    }
    const { call, limits } = limited(() => ({ headers: fields }), { quota: readQuota })
    await Promise.all([call(), pass(TRIP)])
    const [a, b] = limits()
    expect(a).toMatchObject({ policy: 'a', partition: 'Zm9v', limit: 10, remaining: 4 })
    expect(b).toMatchObject({ policy: 'b', limit: 5, remaining: 2 })
    expect(b).not.toHaveProperty('partition')
  })

  it('lets go as many as are left, and one when it is there again', async () => {
    const { call, many, left, waits, limits } = limited((index) => ({ headers: remaining(Math.max(0, 5 - index), 3) }))
    await Promise.all([call(), pass(TRIP)])
    expect(limits()).toMatchObject([{ policy: 'default', unit: 'requests', remaining: 5, resetAt: Date.now() + 3000 }])
    void many(10)
    expect([left.length, waits[0]]).toEqual([6, ['quota', 3000]])
    await pass(2979)
    expect(left.length).toBe(6)
    await pass(TRIP * 2)
    expect(left.length).toBe(7)
  })

  it('that the user reads himself counts the same; what his reader throws costs nothing', async () => {
    const read = (): QuotaReading[] => [
      { policy: 'mine', unit: 'requests', remaining: 0, resetAfter: 500, source: 'x' },
    ]
    for (const quota of [read, async () => read()]) {
      const { call, left, limits } = limited(undefined, { quota })
      await Promise.all([call(), pass(TRIP)])
      expect(limits()).toMatchObject([{ policy: 'mine', source: 'x' }])
      void call()
      await pass(499)
      expect(left.length).toBe(1)
      await pass(1)
      expect(left.length).toBe(2)
    }
    const broken = [() => Promise.reject(new Error('x')), () => { throw new Error('x') }] // biome-ignore format: one line
    for (const quota of broken) {
      const { call } = limited(undefined, { quota })
      const [response] = await Promise.all([call(), pass(TRIP)])
      expect(response.status).toBe(200)
    }
  })
})

describe('a call that would wait too long', () => {
  const closed = () => limited((index) => (index ? {} : { status: 429, headers: { 'retry-after': '10' } }))

  it.each<[string, Partial<LimitedCall>, boolean]>([
    ['than it accepts', { maxWait: 9999 }, false],
    ['than it accepts, by nothing', { maxWait: 10_000 }, true],
    ['for its deadline', { deadlineAt: 5000 }, false],
  ])('%s is refused at once: %j %s', async (_, more, waits) => {
    const { call, left } = closed()
    await Promise.all([call(), pass(TRIP)])
    const deadlineAt = more.deadlineAt && performance.now() + more.deadlineAt
    const asked = call({ ...more, ...(deadlineAt && { deadlineAt }) })
    await pass(0)
    if (waits) await Promise.all([asked, pass(11_000)])
    else await expect(asked).rejects.toMatchObject({ name: 'RateLimitError', scope: 'a', status: 429 })
    expect(left.length).toBe(waits ? 2 : 1)
  })

  it('or behind more than may wait', async () => {
    const { call, many } = limited(() => ({}), { maxQueue: 2, limits: [{ concurrent: 1 }] })
    const calls = many(3)
    await expect(call()).rejects.toMatchObject({ name: 'RateLimitError', message: expect.stringContaining('2 calls') })
    await Promise.all([...calls, pass(100)])
  })

  it('or whose caller gave up leaves the queue to the others', async () => {
    const { call, left, limits } = limited(() => ({}), { limits: [{ concurrent: 1 }] })
    const control = new AbortController()
    void call()
    const second = call({ signal: control.signal })
    void call()
    expect(limits()).toMatchObject([{ inFlight: 1, waiting: 2, policy: 'declared', limit: 1 }])
    control.abort('enough')
    await expect(second).rejects.toBe('enough')
    await pass(TRIP)
    expect(left).toEqual([0, TRIP])
    await expect(call({ signal: AbortSignal.abort('early') })).rejects.toBe('early')
  })
})

describe('a declared limit', () => {
  it('is kept, also by calls that cost more', async () => {
    const { many, call, left, waits, limits } = limited(() => ({}), { limits: [{ requests: 4, per: 1000 }] })
    void many(2)
    void call({ cost: 2 })
    void call()
    expect([left.length, waits]).toEqual([3, [['declared', 1000]]])
    await pass(999)
    expect(left.length).toBe(3)
    await pass(1)
    expect(left.length).toBe(4)
    expect(limits()).toMatchObject([{ policy: 'declared', unit: 'requests', limit: 4, window: 1000 }])
    await expect(call({ cost: 5 })).rejects.toMatchObject({ code: 'invalid_option' })
  })

  it('of calls in flight is kept', async () => {
    const { many, most, left } = limited(() => ({}), { limits: [{ concurrent: 3 }] })
    void many(10)
    await pass(TRIP * 4)
    expect([most(), left.length]).toEqual([3, 10])
  })
})

describe('shared with others', () => {
  function sharing(script?: Script) {
    const told: [string, Lesson][] = []
    let hear = (_: string, __: Lesson) => {}
    const share: Share = {
      tell: (scope, lesson) => void told.push([scope, lesson]),
      hear(listener) {
        hear = listener
      },
    }
    return { ...limited(script, { share }), told, hear: (lesson: Lesson) => hear('a', lesson) }
  }

  it('what is learned is told, and nothing where there is nothing', async () => {
    const refusal = { status: 429, headers: { 'retry-after': '2' } }
    const { call, told } = sharing((index) => [{}, { headers: remaining(3, 5) }][index] ?? refusal)
    await Promise.all([call(), pass(TRIP)])
    expect(told).toEqual([])
    await Promise.all([call(), pass(TRIP)])
    expect(told).toEqual([['a', { at: Date.now(), readings: [expect.objectContaining({ remaining: 3 })] }]])
    await Promise.all([call(), pass(TRIP)])
    expect(told[1]).toEqual(['a', { at: Date.now(), readings: [], retryAt: Date.now() + 2000, status: 429 }])
  })

  it('what is heard holds calls back, by the time that is left', async () => {
    const { call, hear, left, limits } = sharing()
    hear({ at: Date.now() - 100, retryAt: Date.now() + 400, status: 429 })
    expect(limits()).toMatchObject([{ retryAt: Date.now() + 400 }])
    void call()
    await pass(399)
    expect(left.length).toBe(0)
    await pass(1)
    expect(left.length).toBe(1)
    const readings = [{ policy: 'p', unit: 'requests', remaining: 0, resetAfter: 1000, source: 'x' }]
    await pass(TRIP)
    hear({ at: Date.now() - 300, readings })
    expect(limits()).toMatchObject([{ policy: 'p', remaining: 0, resetAt: Date.now() + 700 }])
    // A clock that was set back must not make it longer.
    const other = sharing()
    other.hear({ at: Date.now() + 9000, retryAt: Date.now() + 9500, status: 429 })
    expect(other.limits()).toMatchObject([{ retryAt: Date.now() + 500 }])
  })
})
