import type { LimitedCall } from '../types.ts'

// Another call may end without a word: some workers stop a request, its promises and timers at any moment.
// So nobody sleeps longer than this without looking again, and who has not looked for three times as long is gone.
const LOOK = 1000

/** A call that waits its turn. */
export interface Waiter {
  readonly call: LimitedCall
  lookedAt: number
  wake: () => void
}

/** First come, first served, by the order in which the requests were made. */
export interface Queue {
  readonly length: number
  first(now: number): Waiter | undefined
  add(waiter: Waiter): void
  remove(waiter: Waiter): void
  /** Sleeps on the waiter's own timer, until woken, aborted, or it is time to look again. */
  sleep(waiter: Waiter, duration: number): Promise<void>
}

export function createQueue(): Queue {
  const waiters: Waiter[] = []
  return {
    get length() {
      return waiters.length
    },
    first(now) {
      while (waiters[0] && now - waiters[0].lookedAt > 3 * LOOK) waiters.shift()
      return waiters[0]
    },
    add(waiter) {
      let place = waiters.length
      while (place > 0 && waiters[place - 1]!.call.order > waiter.call.order) place--
      if (waiters[place - 1] !== waiter) waiters.splice(place, 0, waiter)
    },
    remove(waiter) {
      const place = waiters.indexOf(waiter)
      if (place >= 0) waiters.splice(place, 1)
    },
    sleep(waiter, duration) {
      const { signal } = waiter.call
      return new Promise((resolve) => {
        const timer = setTimeout(done, Math.min(duration, LOOK))
        signal.addEventListener('abort', done)
        waiter.wake = done
        function done() {
          clearTimeout(timer)
          signal.removeEventListener('abort', done)
          waiter.wake = () => {}
          resolve()
        }
      })
    },
  }
}
