// Hundreds of calls through one client, to a server, a network, callers and a clock that do whatever they like.
import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { apiKey, type ClientEvent, type CreateOptions, createClient, createLimiter } from '../../src/index.ts'
import { bucketLimiter, githubBuckets } from '../../src/throttle/families/families.ts'
import { readQuotaAtSight } from '../../src/throttle/quota-at-sight.ts'
import { breaker } from '../../src/throttle/throttle.ts'

beforeEach(async () => {
  // Loading takes real time, of which the fake clock knows nothing.
  await readQuotaAtSight(new Headers({ 'ratelimit-limit': '1' }), 200, 0)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
})
afterEach(() => void vi.useRealTimers())

const baseUrl = 'https://api.example.com/'
const seconds = fc.integer({ min: 0, max: 4 })

/** What becomes of one attempt. */
const fate = fc.record({
  delay: fc.integer({ min: 0, max: 300 }),
  how: fc.oneof(
    { weight: 6, arbitrary: fc.constant('ok' as const) },
    fc.constantFrom('429' as const, '503' as const, 'drop' as const, 'hang' as const),
  ),
  retryAfter: fc.option(seconds, { nil: undefined }),
  remaining: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
  reset: fc.option(seconds, { nil: undefined }),
  resource: fc.constantFrom(undefined, 'core', 'search'),
})
type Fate = typeof fate extends fc.Arbitrary<infer T> ? T : never

/** What a caller does. */
const caller = fc.record({
  at: fc.integer({ min: 0, max: 3000 }),
  path: fc.constantFrom('', 'search/a', 'search/b', 'user'),
  abortAfter: fc.option(fc.integer({ min: 0, max: 4000 }), { nil: undefined, freq: 4 }),
  priority: fc.constantFrom('high' as const, 'low' as const, 'auto' as const),
  cost: fc.constantFrom(0, 1, 1, 1, 2.5, 7),
  totalTimeout: fc.constantFrom(false as const, 2500),
})

const limiters: Readonly<Record<string, () => CreateOptions>> = {
  'the limiter every client has': () => ({}),
  'declared limits': () => ({ limits: [{ requests: 20, per: 1000 }, { concurrent: 5 }] }),
  "limits: 'none'": () => ({ limits: 'none' }),
  'a short queue': () => ({ limiter: createLimiter({ maxQueue: 20 }) }),
  'a breaker': () => ({ limiter: breaker({ failures: 8, openFor: 1500 }) }),
  buckets: () => ({ limiter: bucketLimiter({ buckets: githubBuckets }) }),
}

function respond({ how, retryAfter, remaining, reset, resource }: Fate): Response {
  const said = { 'retry-after': how === 'ok' ? undefined : retryAfter, 'x-ratelimit-remaining': remaining, 'x-ratelimit-reset': reset, 'x-ratelimit-resource': resource } // biome-ignore format: one line
  const headers = Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [[name, `${value}`]]))
  return new Response('x', { status: how === 'ok' ? 200 : Number(how), headers: headers as [string, string][] })
}

for (const [name, options] of Object.entries(limiters))
  it(`T1 T11 T26 T30 with ${name} every call ends, none leaves early, and nothing is left behind`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(caller, { minLength: 60, maxLength: 150 }),
        fc.array(fate, { minLength: 20, maxLength: 60 }),
        fc.array(fc.integer({ min: -7_200_000, max: 7_200_000 }), { maxLength: 3 }),
        async (callers, fates, jumps) => {
          const sent: number[] = []
          const closed: { from: number; until: number }[] = []
          const events: ClientEvent[] = []
          const wait = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms))
          // It takes no notice of an abort, as some transports.
          const transport = async (_: unknown, { signal }: { signal: AbortSignal }) => {
            const fate = fates[sent.push(performance.now()) % fates.length] as Fate
            const { how, delay, retryAfter } = fate
            await wait(how === 'hang' ? 1500 : delay)
            if (how === 'drop') throw new TypeError('fetch failed')
            // Nobody hears of it who has given up.
            if (how === '429' && retryAfter && !signal.aborted)
              closed.push({ from: performance.now(), until: performance.now() + retryAfter * 1000 })
            return respond(how === 'hang' ? { ...fate, how: 'ok' } : fate)
          }
          const client = createClient({
            baseUrl,
            auth: apiKey({ name: 'X-Key', value: 'key' }),
            fetch: transport as never,
            timeout: 1000,
            maxWait: 5000,
            onEvent: (event) => events.push(event),
            ...options(),
          })
          const shared = new AbortController()
          const calls = callers.map(async ({ at, abortAfter, path, ...own }) => {
            await wait(at)
            const control = abortAfter === undefined ? shared : new AbortController()
            if (abortAfter !== undefined) setTimeout(() => control.abort('mine'), abortAfter)
            const response = await client.fetch(baseUrl + path, { ...own, signal: control.signal })
            await response.text()
            return String(response.status)
          })
          const outcomes = Promise.all(calls.map((call) => call.catch((error) => String(error?.name ?? error))))
          let done = false
          void outcomes.then(() => (done = true))
          for (const jump of jumps) {
            await vi.advanceTimersByTimeAsync(700)
            vi.setSystemTime(Date.now() + jump)
          }
          for (let step = 0; step < 400 && !done; step++) await vi.advanceTimersByTimeAsync(1000)
          expect(done).toBe(true)
          for (const outcome of await outcomes)
            expect(outcome).toMatch(/^(200|429|503|mine|RateLimitError|TimeoutError|TypeError|CircuitOpenError)$/)
          if (name !== 'buckets')
            for (const { from, until } of closed) expect(sent.filter((at) => at > from && at < until)).toEqual([])
          expect(events.filter(({ type }) => type === 'attempt')).toHaveLength(sent.length)
          expect(events.filter(({ type }) => type === 'end')).toHaveLength(callers.length)
          expect(getEventListeners(shared.signal, 'abort')).toHaveLength(0)
          // What the transport does with calls that nobody waits for.
          await vi.advanceTimersByTimeAsync(5000)
          expect(vi.getTimerCount()).toBe(0)
          expect(client.limits().filter(({ inFlight, waiting }) => inFlight + waiting > 0)).toEqual([])
        },
      ),
      { numRuns: Number(process.env.RUNS ?? 10), endOnFailure: true },
    )
  })
