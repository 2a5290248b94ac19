// Model servers on a clock of their own: a batch of minutes runs in milliseconds, the same way each time.
import { createLimiter, type LimiterOptions } from '../../src/throttle/limiter.ts'
import { fakeCall } from '../fakes/fakes.ts'

interface Answer {
  readonly ok: boolean
  readonly headers?: Record<string, string>
}

/** Decides on one call that arrives at `now` milliseconds. */
export type ModelServer = (now: number) => Answer

export interface Report {
  /** Milliseconds from the first call to the last answer. */
  readonly time: number
  readonly refusals: number
  readonly givenUp: number
  /** Most calls in flight at once. */
  readonly most: number
  readonly log: readonly { at: number; ok: boolean }[]
}

interface Task {
  readonly at: number
  readonly id: number
  readonly run: () => void
}

/** Runs `body` on a simulated clock in place of the real one; gives when it ends. */
async function simulated<T>(seed: number, body: (now: () => number) => Promise<T>): Promise<T> {
  const real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    now: performance.now,
    dateNow: Date.now,
    random: Math.random,
    setImmediate: globalThis.setImmediate,
  }
  // Sorted, the next one last.
  const tasks: Task[] = []
  const cleared = new Set<number>()
  let now = 1000
  let lastId = 0
  const set = (run: () => void, delay = 0) => {
    const id = ++lastId
    const at = now + Math.max(0, delay)
    let [low, high] = [0, tasks.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (tasks[middle]!.at > at) low = middle + 1
      else high = middle
    }
    tasks.splice(low, 0, { at, id, run })
    return id
  }
  globalThis.setTimeout = set as never
  globalThis.clearTimeout = ((id: number) => void cleared.add(id)) as never
  performance.now = () => now
  Date.now = () => 1_700_000_000_000 + now
  Math.random = seeded(seed)
  try {
    let done = false
    const result = body(() => now).finally(() => {
      done = true
    })
    result.catch(() => {})
    let waits = true
    while (!done) {
      // Whatever follows at once from the last step comes before the next.
      if (waits) await new Promise((resolve) => real.setImmediate(resolve))
      waits = true
      if (done) break
      const next = tasks.pop()
      if (!next) throw new Error('Nothing will ever happen again.')
      if (cleared.delete(next.id)) {
        waits = false
        continue
      }
      now = Math.max(now, next.at)
      next.run()
    }
    return await result
  } finally {
    globalThis.setTimeout = real.setTimeout
    globalThis.clearTimeout = real.clearTimeout
    performance.now = real.now
    Date.now = real.dateNow
    Math.random = real.random
  }
}

function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export interface Batch {
  readonly calls?: number
  readonly latency?: number
  readonly seed?: number
  /** Milliseconds by which a busy machine makes some steps late, at most. */
  readonly noise?: number
  readonly options?: LimiterOptions
  readonly maxWait?: number
}

/** `calls` at once through one limiter to one server; refused ones come back, at most ten times. */
export function batch(server: ModelServer, given: Batch = {}): Promise<Report> {
  const { calls = 400, latency = 20, seed = 1, noise = 0, options = {}, maxWait = 60_000 } = given
  return simulated(seed, async (now) => {
    const limiter = createLimiter(options)
    const log: { at: number; ok: boolean }[] = []
    let inFlight = 0
    let most = 0
    let givenUp = 0
    const start = now()
    const wait = (duration: number) => new Promise<void>((resolve) => void setTimeout(resolve, duration))
    // Half the way there or back, never quite the same.
    const half = () => wait(latency / 2 + Math.random() * latency * 0.05 + Math.random() ** 4 * noise)
    const send = async () => {
      most = Math.max(most, ++inFlight)
      await half()
      const { ok, headers } = server(now())
      log.push({ at: now() - start, ok })
      await half()
      inFlight--
      return new Response(null, { status: ok ? 204 : 429, headers: headers ?? {} })
    }
    const one = async (order: number) => {
      for (let attempt = 1; attempt <= 11; attempt++) {
        try {
          if ((await limiter.run(fakeCall({ attempt, order, maxWait }), send)).ok) return
        } catch {
          break
        }
      }
      givenUp++
    }
    await Promise.all(Array.from({ length: calls }, (_, order) => one(order)))
    return { time: now() - start, refusals: log.filter(({ ok }) => !ok).length, givenUp, most, log }
  })
}

/** So many a second, and so many at once. */
export function tokenBucket(perSecond: number, burst: number, headers = false): ModelServer {
  let tokens = burst
  let last: number | undefined
  return (now) => {
    tokens = Math.min(burst, tokens + ((now - (last ?? now)) * perSecond) / 1000)
    last = now
    const ok = tokens >= 1
    if (ok) tokens--
    const wait = Math.max(0, (1 - tokens) / perSecond)
    return told(ok, headers && { limit: burst, remaining: Math.floor(tokens), reset: wait.toFixed(3) })
  }
}

/** So many per window; a window begins with the first call after the last one. */
export function fixedWindow(limit: number, length: number, headers = false, grid = false): ModelServer {
  let ends = 0
  let used = 0
  return (now) => {
    if (now >= ends) {
      ends = grid ? (Math.floor(now / length) + 1) * length : now + length
      used = 0
    }
    const ok = used < limit
    if (ok) used++
    return told(ok, headers && { limit, remaining: limit - used, reset: String(Math.ceil((ends - now) / 1000)) })
  }
}

/** So many within any time of this length. */
export function slidingWindow(limit: number, length: number): ModelServer {
  const times: number[] = []
  return (now) => {
    while (times.length && times[0]! <= now - length) times.shift()
    const ok = times.length < limit
    if (ok) times.push(now)
    return told(ok, false)
  }
}

/** One after the other, as nginx does without a burst. */
export const leaky = (perSecond: number): ModelServer => tokenBucket(perSecond, 1)

function told(ok: boolean, quota: false | { limit: number; remaining: number; reset: string }): Answer {
  if (!quota) return { ok }
  return {
    ok,
    headers: {
      'x-ratelimit-limit': String(quota.limit),
      'x-ratelimit-remaining': String(quota.remaining),
      'x-ratelimit-reset': quota.reset,
      ...(!ok && { 'retry-after': quota.reset }),
    },
  }
}
