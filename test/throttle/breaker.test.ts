import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type BreakerOptions, breaker } from '../../src/throttle/breaker.ts'
import type { LimitedCall, Limiter } from '../../src/types.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const straight: Limiter = { run: (_, send) => send() }
const call = (more: Partial<LimitedCall> = {}) =>
  ({ url: 'https://a.example/x', signal: new AbortController().signal, timeout: 5000, ...more }) as LimitedCall
const answers = (status: number) => async () => new Response(null, { status })
const OPEN = { code: 'circuit_open' }

function circuit(options: BreakerOptions = {}) {
  const { run, limits } = breaker({ limiter: straight, failures: 2, ...options })
  const fail = async (times: number, more?: Partial<LimitedCall>) => {
    for (let i = 0; i < times; i++) await run(call(more), answers(500))
  }
  const open = (more?: Partial<LimitedCall>) => run(call(more), answers(200)).then(() => false, ({ code }) => code === 'circuit_open') // biome-ignore format: one line
  return { run, fail, open, limits }
}

it('five failures within 30 s open it for 10 s, unless it is told otherwise', async () => {
  const { run, fail } = circuit({ failures: undefined } as never)
  const five = breaker({ limiter: straight })
  for (let i = 0; i < 5; i++) await five.run(call(), answers(500))
  const error = await five.run(call(), answers(200)).catch((thrown) => thrown)
  expect(error).toMatchObject({ ...OPEN, name: 'CircuitOpenError', origin: 'https://a.example', retryAt: Date.now() + 10_000 }) // biome-ignore format: one line
  expect(error.message).toContain('10 s')
  vi.advanceTimersByTime(9999)
  await expect(five.run(call(), answers(200))).rejects.toMatchObject(OPEN)
  vi.advanceTimersByTime(1)
  expect((await five.run(call(), answers(200))).status).toBe(200)
  await fail(4)
  expect((await run(call(), answers(200))).status).toBe(200)
})

it('failures that are long ago do not count, nor those before a success', async () => {
  const { fail, open } = circuit({ within: 100 })
  await fail(1)
  vi.advanceTimersByTime(100)
  await fail(1)
  expect(await open()).toBe(false)
  await fail(1)
  vi.advanceTimersByTime(99)
  await fail(1)
  expect(await open()).toBe(true)
})

it('each origin has its own', async () => {
  const { fail, open } = circuit()
  await fail(2)
  expect(await open({ url: 'https://b.example/' })).toBe(false)
  expect(await open({ url: 'https://a.example/other' })).toBe(true)
})

it.each([
  ['499', answers(499), false],
  ['a refusal', answers(429), false],
  ['500', answers(500), true],
  ['no answer', () => Promise.reject(new TypeError('fetch failed')), true],
])('%s is a failure: %s', async (_, send, counts) => {
  const { run, open } = circuit()
  for (let i = 0; i < 2; i++) await run(call(), send).catch(() => {})
  expect(await open()).toBe(counts)
})

it.each([
  ['the caller gives up', new DOMException('no', 'AbortError'), false],
  ['the caller gives up with his own error', new Error('no'), false],
  ['its time is over', new DOMException('late', 'TimeoutError'), true],
])('when %s: %s, %s', async (_, reason, counts) => {
  const { run, open } = circuit()
  for (let i = 0; i < 2; i++) {
    const control = new AbortController()
    const send = async () => {
      control.abort(reason)
      throw reason
    }
    await expect(run(call({ signal: control.signal }), send)).rejects.toBe(reason)
  }
  expect(await open()).toBe(counts)
})

it('half open, one tries at a time; its failure opens it again, its success closes it', async () => {
  const { run, fail, open } = circuit({ openFor: 1000 })
  await fail(2)
  vi.advanceTimersByTime(1000)
  let answer = (_: Response) => {}
  const trying = run(call({ timeout: 400 }), () => new Promise((resolve) => (answer = resolve)))
  expect(await open()).toBe(true)
  vi.advanceTimersByTime(399)
  expect(await open()).toBe(true)
  // It had its time.
  vi.advanceTimersByTime(1)
  await fail(1)
  expect(await open()).toBe(true)
  answer(new Response(null, { status: 200 }))
  await trying
  expect(await open()).toBe(false)
  await fail(1)
  expect(await open()).toBe(false)
})

it('the one that tries has no more time than the circuit was open for', async () => {
  const { run, fail, open } = circuit({ openFor: 1000 })
  await fail(2)
  vi.advanceTimersByTime(1000)
  void run(call({ timeout: 9000 }), () => new Promise(() => {}))
  vi.advanceTimersByTime(999)
  expect(await open()).toBe(true)
  vi.advanceTimersByTime(1)
  expect(await open()).toBe(false)
})

it('one that left before it opened neither closes it nor fails anybody', async () => {
  const { run, fail, open } = circuit()
  let answer = (_: Response) => {}
  const early = run(call(), () => new Promise((resolve) => (answer = resolve)))
  await fail(2)
  answer(new Response(null, { status: 200 }))
  await early
  expect(await open()).toBe(true)
})

it('one that waited while it opened is refused, and one that was aborted gets its own reason', async () => {
  let go = () => {}
  const limiter: Limiter = {
    run: async (_, send) => {
      await new Promise<void>((resolve) => (go = resolve))
      return send()
    },
  }
  const { run } = breaker({ limiter, failures: 1 })
  const failing = run(call(), answers(500))
  const goFirst = go
  const waiting = run(call(), answers(200))
  const goSecond = go
  goFirst()
  await failing
  goSecond()
  await expect(waiting).rejects.toMatchObject(OPEN)
  const aborted = run(call({ signal: AbortSignal.abort('mine') }), () => Promise.reject('mine'))
  go()
  await expect(aborted).rejects.toBe('mine')
})

it('while it is open nobody waits for the limiter to be told so', async () => {
  let asked = 0
  const limiter: Limiter = {
    run(_, send) {
      asked++
      return send()
    },
  }
  const { run } = breaker({ limiter, failures: 1 })
  await run(call(), answers(500))
  await expect(run(call(), answers(200))).rejects.toMatchObject(OPEN)
  expect(asked).toBe(1)
})

it('tells the limits of the limiter within, if that tells any', () => {
  const state = { scope: 's', inFlight: 0, waiting: 0 }
  expect(breaker({ limiter: { ...straight, limits: () => [state] } }).limits?.()).toEqual([state])
  expect(circuit().limits?.()).toEqual([])
})

it('of a thousand origins that failed, those that are closed are forgotten', async () => {
  const { fail, open } = circuit({ failures: 2 })
  await fail(2)
  for (let i = 0; i < 999; i++) await fail(1, { url: `https://o${i}.example` })
  await fail(1, { url: 'https://last.example' })
  // The open one is still open; of the others the first failure is forgotten.
  expect(await open()).toBe(true)
  await fail(1, { url: 'https://o1.example' })
  expect(await open({ url: 'https://o1.example' })).toBe(false)
  await fail(1, { url: 'https://last.example' })
  expect(await open({ url: 'https://last.example' })).toBe(true)
})
