// What a server, a clock, a user and a page may do to the limiter.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { QuotaReading } from '../../src/throttle/header-fields.ts'
import { createLimiter, type LimiterOptions } from '../../src/throttle/limiter.ts'
import type { Lesson } from '../../src/throttle/share.ts'
import type { LimitedCall } from '../../src/types.ts'
import { fakeCall } from '../fakes/fakes.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] }))
afterEach(() => void vi.useRealTimers())

const call = (more: Partial<LimitedCall> = {}) => fakeCall({ timeout: 1000, ...more })
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const answering =
  (headers: Record<string, string> = {}, status = 200) =>
  async () =>
    new Response('', { status, headers })
const lost = () => new Promise<Response>(() => {})
const quota = (remaining: number, reset: number, limit = 10) => ({
  'x-ratelimit-limit': `${limit}`,
  'x-ratelimit-remaining': `${remaining}`,
  'x-ratelimit-reset': `${reset}`,
})
const outcome = (promise: Promise<unknown>) => {
  const state = { settled: false as unknown }
  promise.then(
    () => (state.settled = 'sent'),
    (error) => (state.settled = error),
  )
  return state
}

it('T8 a call that was stopped without a word takes the last of a quota only until the reset', async () => {
  const limiter = createLimiter()
  await limiter.run(call(), answering(quota(1, 2)))
  void limiter.run(call(), lost)
  const next = outcome(limiter.run(call(), answering()))
  await pass(10_000)
  expect(next.settled).toBe('sent')
})

const told = (reading: Partial<QuotaReading>): LimiterOptions => ({
  quota: () => [{ policy: 'own', unit: 'requests', source: 'own', ...reading }],
})
it.each([
  { remaining: 0, resetAfter: Number.NaN },
  { remaining: 0, resetAfter: Number.POSITIVE_INFINITY },
  { remaining: 0, resetAfter: -5 },
  { remaining: Number.NaN, resetAfter: 10 },
  { remaining: -3, limit: 0, resetAfter: 1000 },
  { remaining: 0, limit: Number.NaN, window: Number.NaN },
])('T5 a reader of the user that says %j makes nobody wait forever', async (reading) => {
  const limiter = createLimiter(told(reading))
  await limiter.run(call(), answering())
  const next = outcome(limiter.run(call(), answering()))
  await pass(70_000)
  expect(next.settled).not.toBe(false)
})

it('a reader of the user that throws costs nobody an answer', async () => {
  const limiter = createLimiter({
    quota: () => {
      throw new TypeError('no such field')
    },
  })
  expect((await limiter.run(call(), answering())).status).toBe(200)
})

it('T25 names of quotas that change with each answer leave nothing that grows, and what is used up stays known', async () => {
  let name = 0
  const limiter = createLimiter({
    quota: () => [{ policy: `q${name++}`, unit: 'requests', remaining: 5, resetAfter: 1000, source: 'own' }],
  })
  for (let i = 0; i < 5000; i++) await limiter.run(call(), answering())
  expect(limiter.limits?.().length).toBeLessThan(200)
})

it('T1 a limit that holds is not forgotten, however many other scopes there are', async () => {
  const limiter = createLimiter({ limits: [{ requests: 1, per: 30_000 }] })
  await limiter.run(call({ scope: 'declared' }), answering())
  await limiter.run(call({ scope: 'told' }), answering(quota(0, 50)))
  for (let i = 0; i < 5000; i++) await limiter.run(call({ scope: `s${i}` }), answering())
  const declared = outcome(limiter.run(call({ scope: 'declared' }), answering()))
  const used = outcome(limiter.run(call({ scope: 'told' }), answering()))
  await pass(29_000)
  expect(declared.settled).toBe(false)
  await pass(20_000)
  expect([declared.settled, used.settled]).toEqual(['sent', false])
  await pass(5000)
  expect(used.settled).toBe('sent')
})

it('a cost above what was declared is refused at once, for it never fits', async () => {
  const limiter = createLimiter({ limits: [{ requests: 10, per: 1000 }] })
  const refused = outcome(limiter.run(call({ cost: 11 }), answering()))
  await pass(1)
  expect(refused.settled).toMatchObject({ code: 'invalid_option', message: expect.stringContaining('11') })
  expect((await limiter.run(call({ cost: 10 }), answering())).status).toBe(200)
})

it('a cost above what the server grants waits for all of it, then leaves', async () => {
  const limiter = createLimiter()
  await limiter.run(call(), answering(quota(9, 2)))
  const next = outcome(limiter.run(call({ cost: 50 }), answering()))
  await pass(1900)
  expect(next.settled).toBe(false)
  await pass(1000)
  expect(next.settled).toBe('sent')
})

it.each([3_600_000, -3_600_000])(
  'T28 a clock set by %i ms makes nobody wait longer than another tab was told',
  async (jump) => {
    let heard: (scope: string, lesson: Lesson) => void = () => {}
    const limiter = createLimiter({
      share: {
        tell: () => {},
        hear(listener) {
          heard = listener
        },
      },
    })
    const at = Date.now()
    vi.setSystemTime(at + jump)
    const readings = [{ policy: 'q', unit: 'requests', remaining: 0, resetAfter: 2000, source: 'own' }]
    heard('a', { at, retryAt: at + 2000, status: 429, readings })
    const next = outcome(limiter.run(call(), answering()))
    await pass(2500)
    expect(next.settled).toBe('sent')
  },
)

it.each([0, 0.5, 2.5])('T8 a cost of %d is counted as it is', async (cost) => {
  const limiter = createLimiter({ limits: [{ requests: 5, per: 10_000 }] })
  const calls = Array.from({ length: 40 }, () => outcome(limiter.run(call({ cost, maxWait: 5000 }), answering())))
  await pass(5000)
  expect(calls.filter(({ settled }) => settled === 'sent').length).toBe(cost ? Math.floor(5 / Math.ceil(cost)) : 40)
})

it('T8 costs that are not whole leave no rest that holds up the first call after a reset', async () => {
  const limiter = createLimiter()
  await limiter.run(call(), answering(quota(2, 1)))
  for (const cost of [0.1, 0.2, 0.3]) void limiter.run(call({ cost }), () => pass2(answering(quota(0, 1))))
  const next = outcome(limiter.run(call(), answering()))
  await pass(5000)
  expect(next.settled).toBe('sent')
})
const pass2 = (send: () => Promise<Response>) => new Promise<Response>((done) => setTimeout(() => done(send()), 10))

it('T3 a 429 that claims that much is left, with a reset an hour away, is waited out as one without a word', async () => {
  const limiter = createLimiter()
  await limiter.run(call(), answering(quota(595, 3600, 600), 429))
  const next = outcome(limiter.run(call(), answering()))
  await pass(250)
  expect(next.settled).toBe(false)
  await pass(100)
  expect(next.settled).toBe('sent')
})

it('T8 nothing left with each answer, and no word of when, is one call a second; a reader that knows better lifts it', async () => {
  const nothing = answering({ 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '0' })
  for (const [options, later] of [
    [{}, 3],
    [{ quota: () => [] }, 0],
  ] as const) {
    const limiter = createLimiter(options)
    const calls = Array.from({ length: 20 }, () => outcome(limiter.run(call(), nothing)))
    // The first ones leave together: nobody knows yet.
    await pass(1)
    const before = calls.filter(({ settled }) => settled).length
    await pass(3500)
    const after = calls.filter(({ settled }) => settled).length
    expect(later ? after - before : after).toBe(later || 20)
  }
})

it.each([
  [[5, 0], 'the lower one last'],
  [[0, 5], 'the lower one first'],
])('T8 an answer that contradicts itself means the least of it: %j, %s', async (counts) => {
  const readings = counts.map((remaining) => ({ policy: 'own', unit: 'requests', limit: 3, remaining, resetAfter: 4000, source: 'own' })) // biome-ignore format: one line
  const limiter = createLimiter({ quota: () => readings })
  await limiter.run(call(), answering())
  const next = outcome(limiter.run(call(), answering()))
  await pass(3900)
  expect(next.settled).toBe(false)
  await pass(200)
  expect(next.settled).toBe('sent')
})

it('T25 who comes last in line is not forgotten: it leaves when nobody else is there, and is told when a limit keeps it too long', async () => {
  const limiter = createLimiter({ limits: [{ requests: 1, per: 1000 }] })
  await limiter.run(call(), answering())
  const low = outcome(limiter.run(call({ priority: -1, maxWait: 20_000 }), answering()))
  for (let i = 0; i < 25; i++) {
    void limiter.run(call({ priority: 1 }), answering())
    await pass(900)
    if (i === 20) expect(low.settled).toBe(false)
  }
  expect(low.settled).toMatchObject({ code: 'rate_limited' })
  const patient = outcome(limiter.run(call({ priority: -1 }), answering()))
  await pass(10_000)
  expect(patient.settled).toBe('sent')
})
