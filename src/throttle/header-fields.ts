import { membersOf, numberOf, waitOf } from '../retry/hint.ts'

/** What one answer said of one quota. Absent is what the server did not say. */
export interface QuotaReading {
  /** The name the server gives it, or its numbers, as `100;w=60`; `'default'` where it says neither. */
  readonly policy: string
  /** Whom it is counted for, where the server tells several apart. */
  readonly partition?: string
  readonly unit: 'requests' | 'content-bytes' | 'concurrent-requests' | 'tokens' | (string & {})
  readonly limit?: number
  readonly remaining?: number
  /** Milliseconds from the answer until there is more; at most 2^31 - 1, the longest a timer can wait. */
  readonly resetAfter?: number
  /** Milliseconds in which `limit` is granted once. */
  readonly window?: number
  /** The header field that said so, in lower case. */
  readonly source: string
}

/**
 * Reads what an answer says of quotas. `now` is in milliseconds since the epoch; `peek` gives the beginning of the content,
 * where the caller can. A promise comes back only where something must be loaded or peeked at first.
 */
export type ReadQuota = (
  headers: Headers,
  status: number,
  now: number,
  peek?: () => Promise<string>,
) => readonly QuotaReading[] | Promise<readonly QuotaReading[]>

/** A field whose last part is `limit`, `remaining` or `reset`, in this spelling. */
const PREFIXES = ['ratelimit-', 'x-ratelimit-', 'x-rate-limit-']

type Structured = typeof import('./structured-fields.ts')
let structured: Structured | undefined

/**
 * The fields most servers send: `RateLimit` and `RateLimit-Policy` in all their drafts
 * (draft-ietf-httpapi-ratelimit-headers), with the policies a problem document names, and `X-RateLimit-Limit`, `-Remaining`,
 * `-Reset` with their likes. What is malformed counts as absent, and so does everything on an answer that a cache kept.
 */
export const readQuota: ReadQuota = (headers, status, now, peek) => {
  if (cached(headers)) return []
  const counters = () => readCounters(headers, now)
  const content = status < 400 || !/problem\+json/i.test(headers.get('content-type') ?? '') ? undefined : peek
  if (!content && !/["=]/.test(`${headers.get('ratelimit')}`) && !/"/.test(`${headers.get('ratelimit-policy')}`))
    return counters()
  const read = ({ readStructured, violated }: Structured) => {
    const readings = orElse(readStructured(headers, now), counters)
    return content
      ? content().then(
          (text) => violated(text, readings),
          () => readings,
        )
      : readings
  }
  if (structured) return read(structured)
  // Its parser weighs a fifth of the core, and few APIs need it: it is loaded at first sight of such a field.
  return import('./structured-fields.ts').then((loaded) => {
    structured = loaded
    return read(loaded)
  }, counters)
}

/** What a cache kept says nothing of now. */
export function cached(headers: Headers): boolean {
  return Number(headers.get('age')) > 0
}

function orElse(readings: readonly QuotaReading[], other: () => readonly QuotaReading[]): readonly QuotaReading[] {
  return readings.length ? readings : other()
}

function readCounters(headers: Headers, now: number): readonly QuotaReading[] {
  for (const prefix of PREFIXES) {
    const readings = readCounter(headers, prefix, now)
    if (readings.length) return readings
  }
  return []
}

/** One quota, or several side by side in comma lists. A policy may stand in a field of its own or behind the limit. */
export function readCounter(headers: Headers, prefix: string, now: number): QuotaReading[] {
  const field = (name: string) => headers.get(prefix + name)
  const limits = membersOf(field('limit'))
  const remainings = membersOf(field('remaining'))
  const resets = membersOf(field('reset-after') ?? field('reset'))
  const policies = membersOf(field('policy') ?? field('limit')).map((text) => POLICY.exec(text))
  const source = remainings.length ? 'remaining' : limits.length ? 'limit' : 'reset'

  return Array.from({ length: remainings.length || 1 }, (_, place) => {
    const limit = countOf(limits[place])
    const policy = policies.find((parts) => Number(parts?.[1]) === limit)
    return reading({
      policy: policy ? `${policy[1]};w=${policy[2]}` : 'default',
      limit,
      remaining: countOf(remainings[place]),
      resetAfter: waitOf(resets[place] ?? '', headers, now),
      window: policy ? Number(policy[2]) * 1000 : undefined,
      source: prefix + source,
    })
  }).flat()
}

const POLICY = /^(\d{1,15}) *;.*\bw=([1-9]\d{0,11})\b/

/** A whole number of things; what follows a semicolon is about it, and what follows a point is none. */
export function countOf(text: string | null | undefined): number | undefined {
  const count = numberOf(text?.split(';')[0]?.trim())
  return count === undefined || count > Number.MAX_SAFE_INTEGER ? undefined : Math.floor(count)
}

/** A reading without what was not said; none where nothing was. */
export function reading(
  said: {
    [Name in keyof QuotaReading]?: QuotaReading[Name] | undefined
  },
): [QuotaReading] | [] {
  if ((said.limit ?? said.remaining ?? said.resetAfter) === undefined) return []
  const known = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))
  return [{ policy: 'default', unit: 'requests', source: '', ...known }]
}
