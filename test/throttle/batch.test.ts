import { beforeAll, describe, expect, it } from 'vitest'
import { readQuotaAtSight } from '../../src/throttle/quota-at-sight.ts'
import { type Batch, batch, fixedWindow, leaky, type ModelServer, slidingWindow, tokenBucket } from './simulation.ts'

// A batch at once, on model servers and a clock of their own: time over the least the limit allows, refusals per success.
const BUCKET = 7820
const WINDOW = 6020

type Case = [name: string, server: () => ModelServer, ideal: number, time: number, refusals: number, given?: Batch]

const cases: Case[] = [
  ['a token bucket that tells what is left', () => tokenBucket(50, 10, true), BUCKET, 1.05, 0.02],
  ['a fixed window that tells what is left', () => fixedWindow(100, 2000, true), WINDOW, 1.05, 0.02],
  ['a token bucket that says 429 and nothing else', () => tokenBucket(50, 10), BUCKET, 1.25, 0.12],
  ['a fixed window that says 429 and nothing else', () => fixedWindow(100, 2000), WINDOW, 1.25, 0.12],
  ['a window of the clock', () => fixedWindow(100, 2000, false, true), WINDOW, 1.25, 0.13],
  ['a sliding window', () => slidingWindow(100, 2000), WINDOW, 1.25, 0.12],
  ['one after the other, 50 a second', () => leaky(50), 8000, 1.4, 0.15],
  ['far away', () => tokenBucket(50, 10), BUCKET, 1.4, 0.12, { latency: 100 }],
  ['far away, told', () => tokenBucket(50, 10, true), BUCKET, 1.1, 0.02, { latency: 100 }],
  ['a large bucket', () => tokenBucket(200, 200), 6520, 1.25, 0.12, { calls: 1500 }],
  ['a busy machine', () => fixedWindow(100, 2000), WINDOW, 1.3, 0.12, { noise: 100 }],
  ['a busy machine, told', () => tokenBucket(50, 10, true), BUCKET, 1.1, 0.02, { noise: 100 }],
  ['a window of 10 s', () => fixedWindow(60, 10_000), 30_020, 1.2, 0.25, { calls: 200 }],
  ['a window of a minute', () => fixedWindow(60, 60_000), 60_020, 1.1, 0.5, { calls: 100, maxWait: 600_000 }],
]

// Loading takes real time, of which the clock of the model knows nothing.
beforeAll(async () => void (await readQuotaAtSight(new Headers({ 'ratelimit-limit': '1' }), 200, 0)))

describe('400 calls at once', () => {
  for (const [name, server, ideal, time, refusals, given = {}] of cases)
    it(`T6 ${name}: at most ${time} of the time, ${refusals} refusals per success, nothing given up`, async () => {
      for (const seed of [1, 2, 3]) {
        const report = await batch(server(), { seed, ...given })
        expect(report.givenUp).toBe(0)
        expect(report.time / ideal).toBeLessThanOrEqual(time)
        expect(report.refusals / (given.calls ?? 400)).toBeLessThanOrEqual(refusals)
      }
    })

  it('a server without a limit sees 16 at once, then 40, and ceil(400 / 40) + 1 round trips', async () => {
    for (const latency of [20, 50]) {
      const { time, most, refusals, log } = await batch(() => ({ ok: true }), { latency })
      expect(most).toBe(40)
      expect(log.filter(({ at }) => at < latency).length).toBe(16)
      expect(refusals).toBe(0)
      // One round trip of the model takes 5 % longer at the mean.
      expect(time / (latency * 1.05)).toBeLessThanOrEqual(400 / 40 + 1.1)
    }
  })

  it("limits: 'none' lets all go at once", async () => {
    const { most } = await batch(() => ({ ok: true }), { options: { limits: 'none' } })
    expect(most).toBe(400)
  })

  it('a page of 16 calls is never serialised, cold or warm', async () => {
    const { most } = await batch(() => ({ ok: true }), { calls: 16 })
    expect(most).toBe(16)
  })

  it('1,500 calls with a rare 429 do not crawl', async () => {
    let count = 0
    const bare = await batch(() => ({ ok: ++count % 500 !== 0 }), { calls: 1500 })
    expect(bare.time).toBeLessThan(3000)
    const told = await batch(
      () => (++count % 500 === 0 ? { ok: false, headers: { 'retry-after': '1' } } : { ok: true }),
      { calls: 1500 },
    )
    expect(told.time).toBeLessThan(6000)
  })

  it('declared limits are kept to the letter, whatever is learned', async () => {
    const options = { limits: [{ requests: 50, per: 1000 }, { concurrent: 8 }] }
    const { log, most, time } = await batch(() => ({ ok: true }), { options, calls: 300, seed: 4 })
    expect(most).toBeLessThanOrEqual(8)
    const times = log.map(({ at }) => at)
    for (let i = 50; i < times.length; i++) expect(times[i]! - times[i - 50]!).toBeGreaterThan(995)
    expect(time).toBeLessThan(5400)
  })

  it('what was learned settles: a second batch of the same size meets far fewer refusals', async () => {
    const first = await batch(fixedWindow(50, 1000), { calls: 400 })
    const long = await batch(fixedWindow(50, 1000), { calls: 2000 })
    expect(long.refusals - first.refusals).toBeLessThan(1600 * 0.05)
    expect(long.time / (39 * 1000)).toBeLessThan(1.15)
  })
})
