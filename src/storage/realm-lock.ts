import { StoreError } from '../errors.ts'
import type { CredentialStore, Lease } from '../types.ts'

/** Milliseconds a caller waits for a lock unless it says otherwise. */
export const WAIT = 10_000
/** A timer that is set for longer fires at once. */
const LONGEST = 2_147_483_647

/** Never ends before its task: the holder and the lock die together. */
export const LEASE: Lease = { lost: new AbortController().signal, remaining: () => Number.POSITIVE_INFINITY }

/** Locks that exclude those who hold the same function, in the order in which they came. */
export function createRealmLock(backend: string): CredentialStore['lock'] {
  const locks = new Map<string, Promise<unknown>>()
  return (id, task, { wait = WAIT, signal } = {}) => {
    const before = locks.get(id) ?? Promise.resolve()
    const patience = bounded(wait, signal, backend)
    const mine = Promise.race([patience.over, before])
      .finally(patience.end)
      .then(() => task(LEASE))
    // Who gave up waiting leaves the queue as it was: the next in line still waits for the holder.
    const done = Promise.allSettled([before, mine]).then(() => {
      if (locks.get(id) === done) locks.delete(id)
    })
    locks.set(id, done)
    return mine
  }
}

/** Aborts when the wait for a lock took too long, or the caller gives up; `end` leaves nothing behind. */
export function bounded(
  wait: number,
  signal: AbortSignal | undefined,
  backend: string,
): { signal: AbortSignal; over: Promise<never>; end(): void } {
  const control = new AbortController()
  const timer = setTimeout(() => control.abort(lockTimeout(wait, backend)), Math.min(wait, LONGEST))
  const stop = () => control.abort(signal?.reason)
  if (signal?.aborted) stop()
  signal?.addEventListener('abort', stop)
  const over = new Promise<never>((_resolve, reject) => {
    const refuse = () => reject(control.signal.reason)
    if (control.signal.aborted) refuse()
    else control.signal.addEventListener('abort', refuse, { once: true })
  })
  over.catch(() => {})
  const end = () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
  return { signal: control.signal, over, end }
}

export function lockTimeout(wait: number, backend: string): StoreError {
  return new StoreError(
    'lock_timeout',
    backend,
    `The lock was held by another for ${wait} ms. Try again, or raise \`wait\`.`,
  )
}
