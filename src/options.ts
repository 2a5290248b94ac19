import { CREATE, check, checkNames, invalid, picked, REQUEST, RETRY } from './check.ts'
import { CredentialError } from './errors.ts'
import type { OnEvent } from './events.ts'
import { allowedOrigins } from './http/origin.ts'
import { defaultRetry, type RetryOptions, type RetryPolicy } from './retry/classify.ts'
import type { Limit } from './throttle/declared.ts'
import type { ReadQuota } from './throttle/header-fields.ts'
import type { Throttled } from './throttle/verdict.ts'
import type { ApiVersion, AuthStrategy, Fetch, Limiter } from './types.ts'

/** One strategy, several for the same request, or false for none. */
export type Auth = AuthStrategy | readonly AuthStrategy[] | false

/** What one request may set for itself; everything else is fixed at creation. */
export interface RequestOptions {
  /** Replaces the client's strategies for this request; false sends no credentials. */
  auth?: Auth
  /** When and how often to try again; a number is `limit`. */
  retry?: RetryOptions | number
  /** Milliseconds one attempt may take, from departure to the head of the answer. Default 10 000; false for no bound. */
  timeout?: number | false
  /** Milliseconds the whole request may take, waits included. Default false: no bound. */
  totalTimeout?: number | false
  /** Longest wait for a rate limit, in milliseconds. Default 60 000. A longer one fails at once and says when to come back. */
  maxWait?: number
  /** What a request takes of a quota that counts requests. Default 1. */
  cost?: number
  /** Sees every answer and says whether it is a refusal, such as a GraphQL error in a 200: true, or the milliseconds to wait. Default: statuses and header fields decide. */
  throttled?: Throttled
  /** Sent as `Idempotency-Key` with every attempt, which makes a POST or PATCH safe to try again after a failure; true draws a random one. Default none. */
  idempotencyKey?: string | true
  /** The version of the API to ask for: what `apiVersion()` of `latchkey/version` gives. Default none. */
  version?: ApiVersion
  /** A redirect to another origin: `'error'` refuses it, `'strip'` follows without credentials, content and headers. Default `'error'`; `'strip'` where no credentials are sent. */
  crossOrigin?: 'error' | 'strip'
}

export interface CreateOptions extends RequestOptions {
  /** Resolves relative URLs; its origin is where credentials may go. */
  baseUrl?: string | URL
  /** Every origin credentials may go to. Default: the origin of `baseUrl`. */
  origins?: readonly string[]
  /** What is known of the limits of one set of credentials, such as `[{ requests: 100, per: 60_000 }, { concurrent: 8 }]`; `'none'`: there are none, so only a refusal holds requests back. Default: learned from the answers. */
  limits?: readonly Limit[] | 'none'
  /** What answers say of quotas, where an API has fields of its own: `families`, or one of them, of `latchkey/throttle/families`. Default: the fields of the IETF and their likes. */
  quota?: ReadQuota
  /** Decides when requests leave, in place of the built-in limiter. */
  limiter?: Limiter
  /** The transport under the pipeline. Default: the `fetch` of the platform, looked up for each attempt. */
  fetch?: Fetch
  /** Hears what happens: attempts, answers, waits, retries, replays, renewals. Never a secret. */
  onEvent?: OnEvent
  /**
   * Milliseconds since the epoch at the origin, asked once when an answer refuses the credentials and does not tell the time, as
   * in a page that may not see `Date`. Default none; `timeAt(url)` makes one.
   */
  clock?: (origin: string, signal: AbortSignal) => Promise<number>
  /** Bytes of a Request's content kept for further attempts. Default 1 MiB; beyond it the request has one attempt. */
  maxReplayBytes?: number
}

/** The options of one request after validation, defaults filled in. */
export interface Settled {
  readonly strategies: readonly AuthStrategy[]
  readonly origins: ReadonlySet<string>
  readonly retry: RetryPolicy
  readonly timeout: number
  readonly totalTimeout: number
  readonly maxWait: number
  readonly cost: number
  readonly throttled: Throttled | undefined
  readonly idempotencyKey: string | true | undefined
  readonly version: ApiVersion | undefined
  readonly crossOrigin: 'error' | 'strip' | undefined
  readonly maxReplayBytes: number
  readonly clock: CreateOptions['clock'] | undefined
}

const DEFAULTS = {
  retry: defaultRetry,
  timeout: 10_000,
  totalTimeout: Number.POSITIVE_INFINITY,
  maxWait: 60_000,
  cost: 1,
  throttled: undefined,
  idempotencyKey: undefined,
  version: undefined,
  crossOrigin: undefined,
  maxReplayBytes: 1024 * 1024,
  clock: undefined,
} satisfies Omit<Settled, 'strategies' | 'origins'>

/** The settled options of one request. */
export function settleRequest(options: object, client: Settled): Settled {
  const own = picked(options, (name) => name in REQUEST)
  for (const _ in own) return settle(own, client)
  return client
}

/**
 * Checks the values and fills in the defaults, on top of what a client was created with.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_conflict`
 */
export function settle(options: CreateOptions, parent?: Settled): Settled {
  check(options, REQUEST)
  check(options, CREATE)
  const strategies = options.auth === undefined ? (parent?.strategies ?? []) : strategiesOf(options.auth)
  const origins = originsOf(options, parent)
  if (strategies.length && !origins.size)
    throw invalid('`auth` needs to know where its credentials may go: give `baseUrl` or `origins`.')
  const before = parent ?? DEFAULTS
  const own = picked(options, (name) => name in DEFAULTS) as Partial<Settled>
  const retry = retryPolicy(options.retry, before.retry)
  const settled = { ...before, ...own, retry, strategies, origins }
  return {
    ...settled,
    timeout: settled.timeout || Number.POSITIVE_INFINITY,
    totalTimeout: settled.totalTimeout || Number.POSITIVE_INFINITY,
  }
}

// Fixed when the credentials are given: a later `baseUrl` elsewhere must say whose credentials, or where they may go.
function originsOf(options: CreateOptions, parent: Settled | undefined): ReadonlySet<string> {
  if (options.origins) return allowedOrigins(options.origins, 'origins')
  if (options.baseUrl === undefined) return parent?.origins ?? new Set()
  const own = allowedOrigins([options.baseUrl], 'baseUrl')
  if (options.auth !== undefined || !parent?.strategies.length) return own
  if ([...own].every((origin) => parent.origins.has(origin))) return parent.origins
  throw invalid('`baseUrl` leads where the inherited credentials may not go: give `auth` or `origins` with it.')
}

function strategiesOf(auth: Auth): readonly AuthStrategy[] {
  const strategies = auth === false ? [] : [auth].flat()
  const taken = new Set<string>()
  for (const strategy of strategies) {
    if (typeof strategy?.authenticate !== 'function' || !Array.isArray(strategy.places))
      throw invalid('`auth` must be a strategy such as `apiKey({ name, value })`, several in an array, or false.')
    for (const place of strategy.places) {
      if (taken.has(place)) throw conflict(`Two strategies write ${place}; the second would replace the first.`)
      taken.add(place)
    }
  }
  const signers = strategies.filter((strategy) => strategy.signs)
  if (signers.length > 1) throw conflict('Two strategies sign; only one signature can cover the whole request.')
  // The one that signs covers what the others placed.
  return [...strategies.filter((strategy) => !strategy.signs), ...signers]
}

function retryPolicy(options: RetryOptions | number | undefined, parent: RetryPolicy): RetryPolicy {
  if (options === undefined) return parent
  const given = typeof options === 'number' ? { limit: options } : options
  checkNames(given, RETRY)
  check(given, RETRY, 'retry.')
  const policy = { ...parent, ...picked(given, () => true) }
  return { ...policy, methods: policy.methods.map((method) => method.toLowerCase()) }
}

function conflict(message: string): CredentialError {
  return new CredentialError('credential_conflict', message)
}
