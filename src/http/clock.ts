import { parseDate } from './date.ts'

/** The clock of one server, learned from its `Date` fields (RFC 9110, section 6.6.1). */
export interface Clock {
  /** Milliseconds since the epoch, as the server sees it. */
  now(): number
  /** False as long as nobody told its time. */
  known(): boolean
  /** Learns from an answer; `sentAt` and `receivedAt` are readings of `Date.now()`. */
  observe(headers: Headers, sentAt: number, receivedAt: number): void
  /** The server's time of now, from who knows better than a `Date` that others may have written: from then on it counts for nothing. */
  learn(now: number): void
}

// `Date` has whole seconds and travels: a smaller difference is noise, a larger one than a day is a lie or a broken server.
const NOISE = 2000
const DAY = 86_400_000

export function createClock(): Clock {
  let offset = 0
  let known = false
  let told = false
  return {
    now: () => Date.now() + offset,
    known: () => known,
    observe(headers, sentAt, receivedAt) {
      const measured = told ? undefined : dateOf(headers)
      if (measured === undefined) return
      const difference = Math.round(measured + 500 - (sentAt + receivedAt) / 2)
      if (Math.abs(difference) > DAY) return
      known = true
      // The first estimate stays until it is clearly wrong, so that parallel answers do not make it shake.
      if (Math.abs(difference - offset) > NOISE) offset = Math.abs(difference) > NOISE ? difference : 0
    },
    learn(now) {
      const difference = Math.round(now - Date.now())
      if (!(Math.abs(difference) <= DAY)) return
      offset = difference
      known = told = true
    },
  }
}

/** When the server says it made this answer; undefined also for one that a cache kept (`Age`), whose date is old. */
export function dateOf(headers: Headers): number | undefined {
  const date = headers.get('date')
  return date === null || Number(headers.get('age')) > 0 ? undefined : parseDate(date)
}
