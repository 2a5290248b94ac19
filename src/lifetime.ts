import { whenEnded } from './http/answer.ts'
import { timedOut } from './timing.ts'

/**
 * Runs one request within the caller's signal and the time it may take: one listener and one timer, both gone when the
 * body has ended. A signal of our own goes further down, so that a long-lived one is never held by what it started.
 */
export async function withinLifetime(
  signal: AbortSignal | null | undefined,
  totalTimeout: number,
  task: (signal: AbortSignal | undefined, deadlineAt: number) => Promise<Response>,
): Promise<Response> {
  const bounded = totalTimeout < Number.POSITIVE_INFINITY
  if (!signal && !bounded) return task(undefined, totalTimeout)

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
