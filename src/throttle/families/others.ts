import { numberOf, waitHint, waitOf, wholeWait } from '../../retry/hint.ts'
import { countOf, readCounter, reading } from '../header-fields.ts'
import { type Family, family, matching, WINDOWS } from './family.ts'

/** A bucket for each resource; a secondary limit says so in the content, or only by the status. */
export const github: Family = family('GitHub', ['x-github-request-id', 'x-ratelimit-resource'], async (said) => {
  const [primary] = readCounter(said.headers, 'x-ratelimit-', said.now)
  const readings = primary ? [{ ...primary, policy: said.text('x-ratelimit-resource') ?? 'core' }] : []
  const unexplained = (said.status === 403 || said.status === 429) && primary?.remaining !== 0
  if (!unexplained || waitHint(said.headers) !== undefined) return readings
  const secondary = /secondary rate|abuse detection/i.test(await said.content())
  if (!secondary && said.status !== 429) return readings
  // The least GitHub asks for where it names no time.
  return [...readings, ...reading({ policy: 'secondary', remaining: 0, resetAfter: 60_000, source: 'content' })]
})

export const x: Family = family(
  'X',
  ['x-rate-limit-remaining', 'x-app-limit-24hour-remaining', 'x-user-limit-24hour-remaining'],
  ({ headers, now }) =>
    Object.entries({ endpoint: 'x-rate-limit-', app: 'x-app-limit-24hour-', user: 'x-user-limit-24hour-' }).flatMap(
      ([policy, prefix]) =>
        readCounter(headers, prefix, now).map((counter) => ({
          ...counter,
          policy,
          ...(policy !== 'endpoint' && { window: 86_400_000 }),
        })),
    ),
)

/** A bucket of the route, or the limit for everything. */
export const discord: Family = family('Discord', ['x-ratelimit-bucket', 'x-ratelimit-global'], (said) => {
  const { count, text, wait } = said
  const source = 'x-ratelimit-remaining'
  if (text('x-ratelimit-global') === 'true')
    return reading({ policy: 'global', remaining: 0, resetAfter: waitHint(said.headers), source: 'x-ratelimit-global' })
  return reading({
    policy: text('x-ratelimit-bucket') ?? 'default',
    limit: count('x-ratelimit-limit'),
    remaining: count(source),
    resetAfter: wait('x-ratelimit-reset-after') ?? wait('x-ratelimit-reset'),
    source,
  })
})

export const hubspot: Family = family(
  'HubSpot',
  ['x-hubspot-ratelimit-remaining', 'x-hubspot-ratelimit-daily-remaining', 'x-hubspot-ratelimit-secondly-remaining'],
  ({ count }) =>
    ['', 'daily', 'secondly'].flatMap((policy) => {
      const start = `x-hubspot-ratelimit-${policy && `${policy}-`}`
      return reading({
        policy: policy || 'interval',
        limit: count(policy ? `x-hubspot-ratelimit-${policy}` : `${start}max`),
        remaining: count(`${start}remaining`),
        window: WINDOWS[policy] ?? (count(`${start}interval-milliseconds`) || undefined),
        source: `${start}remaining`,
      })
    }),
)

export const gitlab: Family = family(
  'GitLab',
  ['ratelimit-observed', 'ratelimit-name'],
  ({ headers, now, text, wait }) =>
    readCounter(headers, 'ratelimit-', now).map((counter) => {
      const resetAfter = counter.resetAfter ?? wait('ratelimit-resettime')
      return {
        ...counter,
        policy: text('ratelimit-name') ?? 'default',
        ...(resetAfter !== undefined && { resetAfter }),
      }
    }),
)

/** Says what was used, not what there is. */
export const reddit: Family = family(
  'Reddit',
  (headers) => headers.has('x-ratelimit-used') && !headers.has('x-ratelimit-limit'),
  ({ count, wait }) => {
    const [used, remaining] = [count('x-ratelimit-used'), count('x-ratelimit-remaining')]
    const limit = used === undefined || remaining === undefined ? undefined : used + remaining
    return reading({ limit, remaining, resetAfter: wait('x-ratelimit-reset'), source: 'x-ratelimit-remaining' })
  },
)

/** What is left for a subscription, a tenant, or a resource provider's several policies. */
export const azure: Family = family(
  'Azure Resource Manager',
  (headers) => [...headers.keys()].some((field) => field.startsWith('x-ms-ratelimit-remaining-')),
  ({ headers, text, count }) =>
    matching(headers, /^x-ms-ratelimit-remaining-(.+)$/, (source, [, policy]) => {
      if (policy !== 'resource') return reading({ policy, remaining: count(source), source })
      return (text(source) ?? '').split(',').flatMap((part) => {
        const [name = '', remaining] = part.split(';')
        return reading({ policy: name.trim(), remaining: countOf(remaining), source })
      })
    }),
)

/** Counted for an address. */
export const dockerHub: Family = family('Docker Hub', ['docker-ratelimit-source'], ({ headers, now, text }) => {
  const partition = text('docker-ratelimit-source')
  return readCounter(headers, 'ratelimit-', now).map((counter) => ({ ...counter, ...(partition && { partition }) }))
})

/** When the next single request may come. */
export const akamai: Family = family('Akamai', ['x-ratelimit-next'], ({ count, status, wait }) => {
  const resetAfter = wait('x-ratelimit-next')
  const remaining = count('x-ratelimit-remaining') ?? (status === 429 ? 0 : undefined)
  return reading({ limit: count('x-ratelimit-limit'), remaining, resetAfter, source: 'x-ratelimit-next' })
})

/** A date as JavaScript prints it. */
export const lemlist: Family = family(
  'lemlist',
  (headers) => SCRIPT_DATE.test(headers.get('x-ratelimit-reset') ?? ''),
  ({ headers, now, text }) => {
    const date = SCRIPT_DATE.exec(text('x-ratelimit-reset') ?? '')
    const at = date ? Date.parse(`${date[1]} ${date[2]}`) : Number.NaN
    if (Number.isNaN(at)) return []
    const resetAfter = waitOf(new Date(at).toISOString(), headers, now)
    return readCounter(headers, 'x-ratelimit-', now).flatMap((counter) => reading({ ...counter, resetAfter }))
  },
)
const SCRIPT_DATE = /^(\w{3} \w{3} \d{2} \d{4} \d{2}:\d{2}:\d{2}) (GMT[+-]\d{4})/

/** Milliseconds, which nothing tells from seconds; so it must be asked for by name. */
export const prisjakt: Family = family(
  'Prisjakt',
  () => false,
  ({ headers, now, text }) => {
    const resetAfter = wholeWait(numberOf(text('x-rate-limit-reset')))
    return readCounter(headers, 'x-rate-limit-', now).flatMap((counter) => reading({ ...counter, resetAfter }))
  },
)

export const amazonMws: Family = family('Amazon MWS', ['x-mws-quota-max'], ({ count, wait }) =>
  reading({
    limit: count('x-mws-quota-max'),
    remaining: count('x-mws-quota-remaining'),
    resetAfter: wait('x-mws-quota-resetson'),
    source: 'x-mws-quota-remaining',
  }),
)
