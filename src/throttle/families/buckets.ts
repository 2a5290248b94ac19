import type { LimitedCall } from '../../types.ts'
import type { ReadQuota } from '../header-fields.ts'
import { discord, github, x } from './others.ts'

/** How an API that keeps a quota for each bucket of routes says which bucket an answer was counted in. */
export interface Buckets {
  /** Reads what answers say of quotas. */
  readonly quota: ReadQuota
  /** What requests of one bucket have in common, as far as the request shows it; ids and names are left out of `pattern`. */
  route(call: Asked): Route
  /** The bucket an answer was counted in; undefined where it names none, and then it means all requests. */
  named(headers: Headers, route: Route): string | undefined
  /** A refusal that means all requests, whatever bucket it names. */
  everything(status: number, headers: Headers): boolean
}

/** What a route is read from. */
export type Asked = Pick<LimitedCall, 'method' | 'url'>

export interface Route {
  readonly pattern: string
  /** Whose share of the bucket it is, where each one has its own. Default: all share one. */
  readonly part?: string
}

/** GitHub says the resource with each answer; a refusal while something of it is left is a secondary limit, which means all. */
export const githubBuckets: Buckets = {
  quota: github,
  route: (call) => ({ pattern: patternOf(call, /\/(users|orgs|enterprises|teams|repos(\/[^/]+)?)$/, 5) }),
  named: (headers) => headers.get('x-ratelimit-resource') ?? undefined,
  everything: (status, headers) => [403, 429].includes(status) && headers.get('x-ratelimit-remaining') !== '0',
}

/** Discord names buckets by a hash; each channel, guild and webhook has its own share of one. */
export const discordBuckets: Buckets = {
  quota: discord,
  route(call) {
    const [, part] = /\/((?:channels|guilds|webhooks)\/\d+)/.exec(call.url) ?? []
    return { pattern: patternOf(call, /\/(reactions|invites)$/), ...(part && { part }) }
  },
  named: (headers) => headers.get('x-ratelimit-bucket') ?? undefined,
  everything: (_, headers) =>
    headers.get('x-ratelimit-global') === 'true' || headers.get('x-ratelimit-scope') === 'global',
}

/** X counts each endpoint for itself. */
export const xBuckets: Buckets = {
  quota: x,
  route: (call) => ({ pattern: patternOf(call, /\/username$/) }),
  named: (headers, { pattern }) => (headers.has('x-rate-limit-remaining') ? pattern : undefined),
  everything: () => false,
}

/** Method and path, as far as that tells buckets apart; what has digits is an id, and what follows one of `names` is a name. */
function patternOf({ method, url }: Asked, names: RegExp, depth?: number): string {
  const parts = new URL(url).pathname.split('/').slice(0, depth)
  const isName = (place: number) => names.test(parts.slice(0, place).join('/'))
  return `${method} ${parts.map((part, place) => (/\d/.test(part) || isName(place) ? '*' : part)).join('/')}`
}
