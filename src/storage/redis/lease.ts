import { base64url } from '../../crypto/bytes.ts'
import { StoreError } from '../../errors.ts'
import { abortable } from '../../timing.ts'
import type { Lease } from '../../types.ts'
import { type Patience, poll } from '../turns.ts'
import { BACKEND, type Call } from './call.ts'
import { FREE, HOLD } from './scripts.ts'

/** Longest pause between two questions of one process, in milliseconds. */
const PAUSE = 100
/** The part of the lease that is counted on: clocks do not run alike. */
const TRUSTED = 0.9

/**
 * Holds the lock of a key while the task runs, and prolongs the lease three times in its length.
 *
 * All times are counted from before a question was sent, on the clock of `performance.now()`.
 */
export async function leased<T>(
  call: Call,
  key: string,
  length: number,
  patience: Patience,
  task: (lease: Lease) => Promise<T>,
): Promise<T> {
  const holder = base64url(crypto.getRandomValues(new Uint8Array(16)))
  const lost = new AbortController()
  let until = 0
  // The same holder asks again where an answer was lost: it then has what it took.
  const hold = async (how: 'take' | 'prolong') => {
    const asked = performance.now()
    const held = Number(await call(HOLD, key, holder, String(length), how)) === 1
    if (held) until = asked + length * TRUSTED
    return held
  }

  const free = () => call(FREE, key, holder).catch(() => {})
  const taking = poll(async () => (await hold('take')) || undefined, patience, PAUSE)
  try {
    await (patience.signal ? abortable(taking, patience.signal) : taking)
  } catch (error) {
    void taking.then(free, () => {})
    throw error
  }
  const stop = keep(
    () => hold('prolong'),
    () => until,
    length / 3,
    lost,
  )
  try {
    return await task({
      lost: lost.signal,
      remaining: () => (lost.signal.aborted ? 0 : Math.max(0, until - performance.now())),
    })
  } finally {
    stop()
    // A lease that cannot be ended ends by itself; what the task did is done.
    await free()
  }
}

/** Prolongs until stopped; lost once the server says so, or has not answered until the lease's end. */
function keep(prolong: () => Promise<boolean>, until: () => number, pause: number, lost: AbortController): () => void {
  let stopped = false
  let next: ReturnType<typeof setTimeout>
  let end: ReturnType<typeof setTimeout>
  const lose = () => {
    stop()
    lost.abort(
      new StoreError('unavailable', BACKEND, 'The lease has ended before the task: somebody else may hold the lock.'),
    )
  }
  const watch = () => {
    clearTimeout(end)
    end = setTimeout(lose, until() - performance.now())
    next = setTimeout(async () => {
      const held = await prolong().catch(() => undefined)
      if (stopped) return
      if (held === false) lose()
      else watch()
    }, pause)
  }
  watch()
  return stop

  function stop(): void {
    stopped = true
    clearTimeout(next)
    clearTimeout(end)
  }
}
