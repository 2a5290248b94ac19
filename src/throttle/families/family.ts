import { waitOf } from '../../retry/hint.ts'
import { cached, countOf, type QuotaReading, type ReadQuota, readQuota } from '../header-fields.ts'

/** What a row of the table reads. Everything malformed is absent. */
export interface Said {
  readonly headers: Headers
  readonly status: number
  readonly now: number
  /** The beginning of the content; empty where it cannot be had. */
  content(): Promise<string>
  text(field: string): string | undefined
  /** A whole number. */
  count(field: string): number | undefined
  /** Milliseconds until then: from seconds, an instant in any unit, or a date. */
  wait(field: string): number | undefined
}

/** How one API, or several that do alike, say it. */
export interface Family extends ReadQuota {
  readonly family: string
  /** True for an answer that can only come from there; false for all where that cannot be told. */
  readonly sent: (headers: Headers) => boolean
}

type Readings = readonly QuotaReading[]

/** A row of the table, which is also the profile that a client can be given by name. What it does not say is read as everywhere. */
export function family(
  name: string,
  marks: readonly string[] | ((headers: Headers) => boolean),
  read: (said: Said) => Readings | Promise<Readings>,
): Family {
  const sent = typeof marks === 'function' ? marks : (headers: Headers) => marks.some((field) => headers.has(field))
  const profile: ReadQuota = (headers, status, now, peek) => {
    if (cached(headers)) return []
    const text = (field: string) => headers.get(field) ?? undefined
    const wait = (field: string) => waitOf(text(field)?.trim() ?? '', headers, now)
    const count = (field: string) => countOf(text(field))
    const content = async () => (await peek?.().catch(() => '')) ?? ''
    const readings = read({ headers, status, now, content, text, count, wait })
    const orElse = (found: Readings) => (found.length ? found : readQuota(headers, status, now, peek))
    return readings instanceof Promise ? readings.then(orElse) : orElse(readings)
  }
  return Object.assign(profile, { family: name, sent })
}

/** Milliseconds of the windows that stand in names of fields. */
export const WINDOWS: Readonly<Record<string, number>> = {
  second: 1000,
  secondly: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  daily: 86_400_000,
  month: 30 * 86_400_000,
}

/** Readings from all fields whose names have a pattern. */
export function matching(
  headers: Headers,
  pattern: RegExp,
  read: (field: string, match: RegExpExecArray) => Readings,
): Readings {
  return [...headers.keys()].flatMap((field) => {
    const match = pattern.exec(field)
    return match ? read(field, match) : []
  })
}
