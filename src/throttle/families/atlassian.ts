import { waitHint, wholeWait } from '../../retry/hint.ts'
import { readCounter, reading } from '../header-fields.ts'
import { type Family, family } from './family.ts'

/** A reason names what was exceeded; what is left of the new quotas comes in fields still called beta. */
export const jira: Family = family(
  'Jira and Confluence Cloud',
  ['ratelimit-reason', 'beta-ratelimit', 'beta-ratelimit-policy', 'x-beta-ratelimit-nearlimit'],
  async ({ headers, now, status, text }) => {
    const policy = text('ratelimit-reason') ?? 'default'
    const own = readCounter(headers, 'x-ratelimit-', now).map((counter) => ({
      ...counter,
      policy,
      ...(status === 429 && { remaining: 0 }),
    }))
    if (!headers.has('beta-ratelimit') && !headers.has('beta-ratelimit-policy')) return own
    const loaded = await import('../structured-fields.ts').catch(() => undefined)
    return [...own, ...(loaded?.readStructured(headers, now, 'beta-') ?? [])]
  },
)

/** A token bucket, filled by so many in each interval; `Retry-After` comes with every answer. */
export const atlassianDataCenter: Family = family(
  'Jira and Confluence Data Center',
  ['x-ratelimit-fillrate', 'x-ratelimit-interval-seconds'],
  ({ count, headers }) => {
    const [limit, rate] = [count('x-ratelimit-limit'), count('x-ratelimit-fillrate')]
    const interval = (count('x-ratelimit-interval-seconds') ?? 0) * 1000 || undefined
    return reading({
      limit,
      remaining: count('x-ratelimit-remaining'),
      resetAfter: wholeWait(waitHint(headers) || interval),
      window: limit && rate && interval ? Math.ceil((interval * limit) / rate) : undefined,
      source: 'x-ratelimit-remaining',
    })
  },
)
