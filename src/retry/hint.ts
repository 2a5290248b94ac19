import { dateOf } from '../http/clock.ts'
import { parseDate } from '../http/date.ts'

// Longest first sight of a wait that is still a wait: what is above is an instant in some unit since the epoch.
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
    const wait = longest(headers.get(name), (text) => number(text))
    if (wait !== undefined) return wait
  }
  // A date is meant by the clock of the server that wrote it.
  return longest(headers.get('retry-after'), (text) => delay(text, () => dateOf(headers) ?? Date.now()))
}

function delay(text: string, now: () => number): number | undefined {
  const value = number(text)
  if (value !== undefined) {
    const unit = UNITS.find(([from]) => value >= from)
    return unit ? Math.max(0, value / unit[1] - now()) : value * 1000
  }
  const at = parseDate(text)
  return at === undefined ? undefined : Math.max(0, at - now())
}

function number(text: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined
}

// Fields sent twice arrive joined by commas; so do the parts of an HTTP date.
function longest(field: string | null, parse: (text: string) => number | undefined): number | undefined {
  const waits = field?.match(/[a-z]+,[^,]+|[^,]+/gi)?.flatMap((part) => parse(part.trim()) ?? [])
  return waits?.length ? Math.max(...waits) : undefined
}
