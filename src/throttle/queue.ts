import type { LimitedCall } from '../types.ts'

// Another call may end without a word: some workers stop a request, its promises and timers at any moment.
// So nobody sleeps longer than this without looking again, and who has not looked for three times as long is gone.
const LOOK = 1000

/** A call that waits its turn. */
export interface Waiter {
  readonly call: LimitedCall
  queued: boolean
  lookedAt: number
  wake: () => void
}

/** By priority; within one, first come, first served, by the order in which the requests were made. */
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
      while (waiters[0] && now - waiters[0].lookedAt > 3 * LOOK) waiters.shift()!.queued = false
      return waiters[0]
    },
    add(waiter) {
      if (waiter.queued) return
      waiter.queued = true
      let place = waiters.length
      while (place > 0 && before(waiter.call, waiters[place - 1]!.call)) place--
      waiters.splice(place, 0, waiter)
    },
    remove(waiter) {
      if (waiter.queued) waiters.splice(waiters.indexOf(waiter), 1)
      waiter.queued = false
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

function before(one: LimitedCall, other: LimitedCall): boolean {
  const { priority = 0 } = one
  const { priority: others = 0 } = other
  return priority === others ? one.order < other.order : priority > others
}
