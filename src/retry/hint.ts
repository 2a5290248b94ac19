import { dateOf } from '../http/clock.ts'
import { parseDate } from '../http/date.ts'
import { LONGEST_TIMER } from '../timing.ts'

// What is this large is no wait but an instant, in some unit since the epoch.
const UNITS: readonly [from: number, perMillisecond: number][] = [
  [1e17, 1e6],
  [1e14, 1e3],
  [1e11, 1],
  [1e9, 1e-3],
]

/**
 * Milliseconds the server asks to wait: `retry-after-ms` and its like, else `Retry-After` (RFC 9110, section 10.2.3)
 * as seconds, with decimals too, or as a date. What is no such value counts as absent; of several, the longest holds.
 */
export function waitHint(headers: Headers): number | undefined {
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms', 'x-amz-retry-after']) {
    const wait = longest(headers.get(name), (text) => wholeWait(numberOf(text)))
    if (wait !== undefined) return wait
  }
  return longest(headers.get('retry-after'), (text) => waitOf(text, headers, Date.now()))
}

/**
 * Milliseconds from now that a value means: seconds, an instant in whatever unit it can only be in, or a date. Instants are
 * meant by the clock of the server that wrote them.
 */
export function waitOf(text: string, headers: Headers, now: number): number | undefined {
  const value = numberOf(text)
  const unit = UNITS.find(([from]) => (value ?? 0) >= from)
  if (value !== undefined && !unit) return wholeWait(value * 1000)
  const at = unit ? (value as number) / unit[1] : parseDate(text)
  return wholeWait(at && at - (dateOf(headers) ?? now))
}

/** At least 0, whole, and no longer than a timer can wait. */
export function wholeWait(wait: number | undefined): number | undefined {
  return wait === undefined ? wait : Math.min(LONGEST_TIMER, Math.max(0, Math.ceil(wait)))
}

/** What counts as a number in a field: digits, with decimals too, and few enough of them. */
export function numberOf(text: string | undefined): number | undefined {
  return text && /^\d{1,20}(\.\d{1,20})?$/.test(text) ? Number(text) : undefined
}

/** Fields sent twice arrive joined by commas; so do the parts of an HTTP date. */
export function membersOf(field: string | null | undefined): string[] {
  return field?.match(/[a-z]+,[^,]+|[^,]+/gi)?.map((part) => part.trim()) ?? []
}

function longest(field: string | null, parse: (text: string) => number | undefined): number | undefined {
  const waits = membersOf(field).flatMap((part) => parse(part) ?? [])
  return waits.length ? Math.max(...waits) : undefined
}
