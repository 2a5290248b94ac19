import { dateOf } from './clock.ts'
import { parseDate } from './date.ts'

/**
 * For the option `clock`: asks a URL what time it is there, without credentials, and counts half of the time that took.
 *
 * Reads the first time in the content, as Unix time in seconds to nanoseconds or as ISO 8601, or else `Date`.
 */
export function timeAt(url: string | URL): (origin: string, signal: AbortSignal) => Promise<number> {
  return async (origin, signal) => {
    const sentAt = performance.now()
    const response = await fetch(new URL(url, origin), { signal, credentials: 'omit', cache: 'no-store' })
    const took = performance.now() - sentAt
    const told = timeIn(await response.text()) ?? (dateOf(response.headers) ?? Number.NaN) + 500
    return told + (performance.now() - sentAt) - took / 2
  }
}

function timeIn(text: string): number | undefined {
  const iso = /\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)/.exec(text)?.[0]
  const [, digits = '', fraction = ''] =
    /(?<![\d.])([1-9](?:\d{9}|\d{12}|\d{15}|\d{18}))(\.\d+)?(?!\d)/.exec(text) ?? []
  if (!digits) return iso === undefined ? undefined : parseDate(iso)
  return Number(digits + fraction) * 10 ** (13 - digits.length)
}
