/** Resolves after `duration` milliseconds; rejects at once with the signal's reason, and leaves nothing behind. */
export function sleep(duration: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, duration)
    function stop() {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** The work's outcome, or the signal's reason as soon as it is aborted, whatever the work then does. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/** Milliseconds; beyond 2^31 - 1, a timer would fire at once. */
export const LONGEST_TIMER = 2_147_483_647

export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}

export function timedOut(timeout: number): DOMException {
  return new DOMException(`No answer within ${timeout} ms.`, 'TimeoutError')
}
