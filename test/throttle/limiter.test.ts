import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createLimiter } from '../../src/throttle/limiter.ts'
import type { LimitedCall } from '../../src/types.ts'
import { fakeCall } from '../fakes/fakes.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
})
afterEach(() => vi.useRealTimers())

const call = (more: Partial<LimitedCall> = {}) => fakeCall({ timeout: 1000, ...more })
const ok = async () => new Response('ok')
const refused = async () => new Response('', { status: 429, headers: { 'retry-after': '1' } })
/** A request that was stopped without a word: no answer, no error, no `finally`. */
const lost = () => new Promise<Response>(() => {})

it('a slot whose request was stopped without a word is free again after its time', async () => {
  const limiter = createLimiter({ limits: [{ concurrent: 1 }] })
  void limiter.run(call(), lost)
  const next = limiter.run(call(), ok)
  await vi.advanceTimersByTimeAsync(4000)
  expect((await next).status).toBe(200)
})

it('a probe that was stopped without a word lets another one try', async () => {
  const limiter = createLimiter()
  await limiter.run(call(), refused)
  await vi.advanceTimersByTimeAsync(1200)
  void limiter.run(call(), lost)
  const next = limiter.run(call(), ok)
  await vi.advanceTimersByTimeAsync(4000)
  expect((await next).status).toBe(200)
})

it('a waiter that was stopped without a word does not block those behind it', async () => {
  const limiter = createLimiter()
  await limiter.run(call(), refused)
  const { setTimeout: fake } = globalThis
  vi.stubGlobal('setTimeout', () => 0)
  void limiter.run(call(), ok)
  vi.stubGlobal('setTimeout', fake)
  const next = limiter.run(call(), ok)
  await vi.advanceTimersByTimeAsync(6000)
  vi.unstubAllGlobals()
  expect((await next).status).toBe(200)
})

it('a waiter taken for lost takes its place again when it comes back', async () => {
  const limiter = createLimiter({ limits: [{ concurrent: 1 }] })
  let release = (_: Response) => {}
  const first = limiter.run(
    call({ timeout: Number.POSITIVE_INFINITY }),
    () => new Promise((resolve) => (release = resolve)),
  )
  const second = limiter.run(call(), ok)
  // The event loop was blocked, or the machine slept: nobody looked for a long time.
  vi.setSystemTime(Date.now() + 60_000)
  await vi.advanceTimersByTimeAsync(60_000)
  release(new Response('late'))
  await vi.advanceTimersByTimeAsync(2000)
  expect((await Promise.all([first, second])).length).toBe(2)
})

it('a retried call leaves before those that were made after it', async () => {
  const limiter = createLimiter({ limits: [{ concurrent: 1 }] })
  const left: number[] = []
  const send = (name: number) => async () => {
    left.push(name)
    return new Response('ok')
  }
  let release = (_: Response) => {}
  const holder = limiter.run(call({ order: 1 }), () => new Promise((resolve) => (release = resolve)))
  const calls = [
    limiter.run(call({ order: 7 }), send(7)),
    limiter.run(call({ order: 5 }), send(5)),
    limiter.run(call({ order: 6 }), send(6)),
  ]
  release(new Response('ok'))
  await vi.advanceTimersByTimeAsync(100)
  await Promise.all([holder, ...calls])
  expect(left).toEqual([5, 6, 7])
})

it('tells why a call waits, and how long where that is known', async () => {
  const limiter = createLimiter()
  await limiter.run(call(), refused)
  const told: [string, number][] = []
  const waiting = limiter.run(call({ waiting: (reason, duration) => told.push([reason, duration]) }), ok)
  await vi.advanceTimersByTimeAsync(2000)
  await waiting
  expect(told).toHaveLength(1)
  expect(told[0]?.[0]).toBe('gate')
  expect(told[0]?.[1]).toBeGreaterThan(999)
})

it('forgets idle scopes when there are many, never one in use', async () => {
  const limiter = createLimiter()
  const busy = limiter.run(call({ scope: 'busy', timeout: Number.POSITIVE_INFINITY }), lost)
  for (let i = 0; i < 5000; i++) await limiter.run(call({ scope: `s${i}` }), ok)
  const scopes = limiter.limits?.() ?? []
  expect(scopes.length).toBeLessThanOrEqual(1001)
  expect(scopes.find(({ scope }) => scope === 'busy')?.inFlight).toBe(1)
  void busy
})
