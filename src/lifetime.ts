import { whenEnded } from './http/answer.ts'
import { timedOut } from './timing.ts'

type Task = (signal: AbortSignal | undefined, deadlineAt: number) => Promise<Response>

/**
 * Runs one request within the caller's signal and the time it may take: one listener and one timer, both gone when the
 * body has ended. A signal of our own goes further down, so that a long-lived one is never held by what it started.
 */
export function withinLifetime(
  signal: AbortSignal | null | undefined,
  totalTimeout: number,
  task: Task,
): Promise<Response> {
  const bounded = totalTimeout < Number.POSITIVE_INFINITY
  return signal || bounded ? bound(signal, totalTimeout, bounded, task) : task(undefined, totalTimeout)
}

async function bound(
  signal: AbortSignal | null | undefined,
  totalTimeout: number,
  bounded: boolean,
  task: Task,
): Promise<Response> {
  const control = new AbortController()
  const stop = () => control.abort(signal?.reason)
  const timer = bounded ? setTimeout(() => control.abort(timedOut(totalTimeout)), totalTimeout) : undefined
  const end = () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
  if (signal?.aborted) stop()
  signal?.addEventListener('abort', stop)
  try {
    return whenEnded(await task(control.signal, performance.now() + totalTimeout), end)
  } catch (error) {
    end()
    throw error
  }
}
