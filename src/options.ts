import { CredentialError, LatchkeyError } from './errors.ts'
import type { OnEvent } from './events.ts'
import type { BodySource } from './http/body.ts'
import { allowedOrigins } from './http/origin.ts'
import { defaultRetry, type RetryOptions, type RetryPolicy } from './retry/classify.ts'
import type { AuthStrategy, Fetch, Limiter } from './types.ts'

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
  /** Sent as `Idempotency-Key` with every attempt, which makes a POST or PATCH safe to try again after a failure; true draws a random one. Default none. */
  idempotencyKey?: string | true
  /** A redirect to another origin: `'error'` refuses it, `'strip'` follows without credentials, content and headers. Default `'error'`; `'strip'` where no credentials are sent. */
  crossOrigin?: 'error' | 'strip'
}

export interface CreateOptions extends RequestOptions {
  /** Resolves relative URLs; its origin is where credentials may go. */
  baseUrl?: string | URL
  /** Every origin credentials may go to. Default: the origin of `baseUrl`. */
  origins?: readonly string[]
  /** Most requests of one set of credentials in flight. Default: no bound. */
  concurrency?: number
  /** Decides when requests leave, in place of the built-in limiter. */
  limiter?: Limiter
  /** The transport under the pipeline. Default: the `fetch` of the platform, looked up for each attempt. */
  fetch?: Fetch
  /** Hears what happens: attempts, answers, waits, retries, replays, renewals. Never a secret. */
  onEvent?: OnEvent
  /** Bytes of a Request's content kept for further attempts. Default 1 MiB; beyond it the request has one attempt. */
  maxReplayBytes?: number
}

/** Content as we take it: what fetch takes, or a function that opens a stream anew for each attempt. */
export interface ContentOptions {
  body?: BodySource
}

/** The options of one request after validation, defaults filled in. */
export interface Settled {
  readonly strategies: readonly AuthStrategy[]
  readonly origins: ReadonlySet<string>
  readonly retry: RetryPolicy
  readonly timeout: number
  readonly totalTimeout: number
  readonly maxWait: number
  readonly idempotencyKey: string | true | undefined
  readonly crossOrigin: 'error' | 'strip' | undefined
  readonly maxReplayBytes: number
}

/** What the names of other clients are called here; given anywhere, they are refused with the name to use. */
const REFUSED: Record<string, string> = {
  prefixUrl: '`baseUrl`',
  baseURL: '`baseUrl`',
  params: '`searchParams`',
  maxRedirects: '`redirect`',
  retries: '`retry`',
  limits: '`concurrency`',
  throttle: '`concurrency` and `maxWait`',
  maxRetryAfter: '`maxWait`, which never comes back early',
  afterStatusCodes: '`retry.statusCodes`: every `Retry-After` is honoured',
}

export const REQUEST_OPTIONS: readonly string[] = [
  'auth',
  'retry',
  'timeout',
  'totalTimeout',
  'maxWait',
  'idempotencyKey',
  'crossOrigin',
]
export const CREATE_OPTIONS: readonly string[] = [
  ...REQUEST_OPTIONS,
  'baseUrl',
  'origins',
  'concurrency',
  'limiter',
  'fetch',
  'onEvent',
  'maxReplayBytes',
]

const RETRY_OPTIONS = [...Object.keys(defaultRetry), 'shouldRetry']

/** What fetch and its runtimes take beside our own: passed down to the transport. */
export const FETCH_OPTIONS: readonly string[] =
  'method headers body mode credentials cache redirect referrer referrerPolicy integrity keepalive signal window duplex priority dispatcher next cf client tls proxy unix verbose'.split(
    ' ',
  )

/**
 * Refuses names nobody knows, before anything is made with them.
 * @throws LatchkeyError `invalid_option`
 */
export function checkNames(options: object, known: readonly string[]): void {
  refuseNames(options)
  for (const name of Object.keys(options)) {
    if (!known.includes(name) && !FETCH_OPTIONS.includes(name)) {
      const meant = known.find((candidate) => candidate.toLowerCase() === name.toLowerCase()) ?? nearest(name, known)
      throw invalid(`\`${name}\` is not an option.${meant ? ` Did you mean \`${meant}\`?` : ''}`)
    }
  }
}

/** @throws LatchkeyError `invalid_option` for what is called otherwise here, or belongs to the client. */
export function refuseNames(options: object): void {
  for (const name of Object.keys(options))
    if (REFUSED[name]) throw invalid(`\`${name}\` is not an option here; use ${REFUSED[name]}.`)
}

/**
 * Checks the values and fills in the defaults, on top of what a client was created with.
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `credential_conflict`
 */
export function settle(options: CreateOptions, parent?: Settled): Settled {
  const strategies = options.auth === undefined ? (parent?.strategies ?? []) : strategiesOf(options.auth)
  const origins = originsOf(options, parent)
  if (strategies.length && !origins.size)
    throw invalid('`auth` needs to know where its credentials may go: give `baseUrl` or `origins`.')
  oneOf(options.crossOrigin, ['error', 'strip'], 'crossOrigin')
  const { idempotencyKey } = options
  if (idempotencyKey !== undefined && idempotencyKey !== true && !/^[\x21-\x7e]+$/.test(idempotencyKey))
    throw invalid('`idempotencyKey` must be visible ASCII, or true for a random one.')
  return {
    strategies,
    origins,
    retry: retryPolicy(options.retry, parent?.retry ?? defaultRetry),
    timeout: duration(options.timeout, 'timeout') ?? parent?.timeout ?? 10_000,
    totalTimeout: duration(options.totalTimeout, 'totalTimeout') ?? parent?.totalTimeout ?? Number.POSITIVE_INFINITY,
    maxWait: atLeast(0, options.maxWait, 'maxWait') ?? parent?.maxWait ?? 60_000,
    idempotencyKey: idempotencyKey ?? parent?.idempotencyKey,
    crossOrigin: options.crossOrigin ?? parent?.crossOrigin,
    maxReplayBytes: atLeast(0, options.maxReplayBytes, 'maxReplayBytes') ?? parent?.maxReplayBytes ?? 1024 * 1024,
  }
}

// Fixed when the credentials are given: a later `baseUrl` elsewhere must say whose credentials, or where they may go.
function originsOf(options: CreateOptions, parent: Settled | undefined): ReadonlySet<string> {
  if (options.origins) return allowedOrigins(options.origins, 'origins')
  if (options.baseUrl === undefined) return parent?.origins ?? new Set()
  const own = allowedOrigins([options.baseUrl], 'baseUrl')
  const [origin] = own
  if (options.auth !== undefined || !parent?.strategies.length) return own
  if (!parent.origins.has(origin as string))
    throw invalid(
      `\`baseUrl\` leads to ${origin}, where the inherited credentials may not go: give \`auth\` or \`origins\` too.`,
    )
  return parent.origins
}

function strategiesOf(auth: Auth): readonly AuthStrategy[] {
  const strategies = auth === false ? [] : [auth].flat()
  const taken = new Set<string>()
  for (const strategy of strategies) {
    if (typeof strategy?.authenticate !== 'function' || !Array.isArray(strategy.places))
      throw invalid(
        "`auth` must be a strategy such as `apiKey({ name: 'X-API-Key', value })`, several in an array, or false.",
      )
    for (const place of strategy.places) {
      if (taken.has(place))
        throw new CredentialError(
          'credential_conflict',
          `Two strategies write ${place}; the second would replace the first.`,
        )
      taken.add(place)
    }
  }
  if (strategies.filter((strategy) => strategy.signs).length > 1)
    throw new CredentialError(
      'credential_conflict',
      'Two strategies sign; only one signature can cover the whole request.',
    )
  // The one that signs covers what the others placed.
  return strategies.toSorted((a, b) => Number(a.signs ?? false) - Number(b.signs ?? false))
}

function retryPolicy(options: RetryOptions | number | undefined, parent: RetryPolicy): RetryPolicy {
  if (options === undefined) return parent
  const given = typeof options === 'number' ? { limit: options } : options
  if (typeof given !== 'object' || given === null)
    throw invalid('`retry` must be a number or an object, e.g. `{ limit: 3 }`.')
  checkNames(given, RETRY_OPTIONS)
  const policy = { ...parent, ...picked(given, () => true) }
  if (!Number.isInteger(policy.limit) || policy.limit < 0)
    throw invalid('`retry.limit` must be a whole number, 0 or more.')
  if (!Array.isArray(policy.methods) || !Array.isArray(policy.statusCodes))
    throw invalid('`retry.methods` and `retry.statusCodes` must be arrays.')
  atLeast(0, policy.backoffLimit, 'retry.backoffLimit')
  return { ...policy, methods: policy.methods.map((method) => method.toLowerCase()) }
}

export function picked(options: object, wanted: (name: string) => boolean): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) if (value !== undefined && wanted(name)) found[name] = value
  return found
}

/** The longest a timer can run (2^31 - 1 ms); above it, it would fire at once. */
const LONGEST = 2_147_483_647

function duration(value: number | false | undefined, name: string): number | undefined {
  if (value === false) return Number.POSITIVE_INFINITY
  if (value !== undefined && !(value > 0 && value <= LONGEST))
    throw invalid(`\`${name}\` must be milliseconds from 1 to ${LONGEST}, or false for no bound.`)
  return value
}

export function atLeast(least: number, value: number | undefined, name: string): number | undefined {
  if (value !== undefined && !(typeof value === 'number' && value >= least))
    throw invalid(`\`${name}\` must be a number, ${least} or more.`)
  return value
}

function oneOf(value: unknown, allowed: readonly string[], name: string): void {
  if (value !== undefined && !allowed.includes(value as string))
    throw invalid(`\`${name}\` must be ${allowed.map((word) => `'${word}'`).join(' or ')}.`)
}

function nearest(name: string, known: readonly string[]): string | undefined {
  return known.find(
    (candidate) =>
      candidate.length > 3 && (candidate.startsWith(name.slice(0, 4)) || name.startsWith(candidate.slice(0, 4))),
  )
}

function invalid(message: string): LatchkeyError {
  return new LatchkeyError('invalid_option', message)
}
