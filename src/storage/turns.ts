import { StoreError } from '../errors.ts'
import { LONGEST_TIMER, sleep } from '../timing.ts'
import type { Awaitable } from '../types.ts'

export interface LockOptions {
  wait?: number
  signal?: AbortSignal
}

/** How long a caller still waits: until when on the clock of `performance.now()`, its own signal, and what it gets then. */
export interface Patience {
  readonly until: number
  readonly signal: AbortSignal | undefined
  over(): Error
}

/** Milliseconds a caller waits for a lock unless it says otherwise. */
const WAIT = 10_000
/** Pauses between two questions, in milliseconds. */
const FIRST_PAUSE = 1
const LONGEST_PAUSE = 25

export function patienceFor(backend: string, { wait = WAIT, signal }: LockOptions = {}): Patience {
  return {
    until: performance.now() + wait,
    signal,
    over: () =>
      new StoreError(
        'lock_timeout',
        backend,
        `The lock was held by another for ${wait} ms. Try again, or raise \`wait\`.`,
      ),
  }
}

/** Gives every name one task at a time, in order of arrival, among those who share what this returns. */
export function turns(
  backend: string,
): <T>(name: string, task: (patience: Patience) => Promise<T>, options?: LockOptions) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return (name, task, options) => {
    const patience = patienceFor(backend, options)
    const before = last.get(name) ?? Promise.resolve()
    const mine = turn(before, patience).then(() => task(patience))
    // Who gave up waiting leaves the queue as it was: the next in line still waits for the holder.
    const done = Promise.allSettled([before, mine]).then(() => {
      if (last.get(name) === done) last.delete(name)
    })
    last.set(name, done)
    return mine
  }
}

/** Asks until there is an answer, and never blocks the event loop; after `patience` it rejects. */
export async function poll<T>(
  ask: () => Awaitable<T | undefined>,
  patience: Patience,
  longestPause: number = LONGEST_PAUSE,
): Promise<T> {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, longestPause)) {
    patience.signal?.throwIfAborted()
    const answer = await ask()
    if (answer !== undefined) return answer
    const left = patience.until - performance.now()
    if (left <= 0) throw patience.over()
    // Spread, so that those who wait do not ask in step.
    await sleep(Math.min(left, pause * (0.5 + Math.random())), patience.signal)
  }
}

/** Resolves when the holders before have ended; rejects when that takes too long, or the caller gives up. */
function turn(before: Promise<unknown>, { until, signal, over }: Patience): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const wait = until - performance.now()
    const timer = wait <= LONGEST_TIMER ? setTimeout(() => end(over()), wait) : undefined
    const stop = () => end(signal?.reason)
    signal?.addEventListener('abort', stop)
    void before.then(() => end())
    function end(reason?: unknown): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      if (reason === undefined) resolve()
      else reject(reason)
    }
  })
}
