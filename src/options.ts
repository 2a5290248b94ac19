import { CredentialError, LatchkeyError } from './errors.ts'
import type { OnEvent } from './events.ts'
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

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '))
export const REQUEST_OPTIONS: ReadonlySet<string> = words(
  'auth retry timeout totalTimeout maxWait idempotencyKey crossOrigin',
)
export const CREATE_OPTIONS: ReadonlySet<string> = words(
  'baseUrl origins concurrency limiter fetch onEvent maxReplayBytes',
)
export const FETCH_OPTIONS: ReadonlySet<string> = words(
  'method headers body redirect signal duplex window mode credentials cache referrer referrerPolicy integrity keepalive',
)
export const TRANSPORT_OPTIONS: ReadonlySet<string> = words('priority dispatcher next cf client tls proxy unix verbose')
export const CREATION: readonly ReadonlySet<string>[] = [
  REQUEST_OPTIONS,
  CREATE_OPTIONS,
  FETCH_OPTIONS,
  TRANSPORT_OPTIONS,
]
const RETRY_OPTIONS = new Set([...Object.keys(defaultRetry), 'shouldRetry'])

// What other clients call otherwise, or what would harm here.
const REFUSED: Record<string, string> = {
  prefixUrl: 'baseUrl',
  baseURL: 'baseUrl',
  params: 'searchParams',
  limits: 'concurrency',
  maxRetryAfter: 'maxWait',
  afterStatusCodes: 'retry.statusCodes',
  onUploadProgress: 'body: () => stream, and count in the stream',
}

/**
 * Refuses names that nobody knows, before anything is made with them.
 * @throws LatchkeyError `invalid_option`
 */
export function checkNames(options: object, ...known: readonly ReadonlySet<string>[]): void {
  refuseNames(options)
  const names = known.flatMap((set) => [...set])
  for (const name in options) {
    if (names.includes(name)) continue
    const start = name.slice(0, 3).toLowerCase()
    const meant = names.find((candidate) => candidate.toLowerCase().startsWith(start))
    throw invalid(`\`${name}\` is not an option.${meant ? ` Did you mean \`${meant}\`?` : ''}`)
  }
}

/**
 * Refuses on a request what is called otherwise here, or belongs to the client.
 * @throws LatchkeyError `invalid_option`
 */
export function refuseNames(options: object, forRequest = false): void {
  for (const name in options) {
    if (REFUSED[name]) throw invalid(`\`${name}\` is not an option here. Use \`${REFUSED[name]}\`.`)
    if (forRequest && name !== 'baseUrl' && CREATE_OPTIONS.has(name))
      throw invalid(`\`${name}\` is fixed for the whole client: give it to \`createClient\` or \`extend\`.`)
  }
}

/** The options that are set, of those wanted. */
export function picked(options: object, wanted: (name: string) => boolean): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const name in options) {
    const value = (options as Record<string, unknown>)[name]
    if (value !== undefined && wanted(name)) found[name] = value
  }
  return found
}

/** The settled options of one request. */
export function settleRequest(options: object, client: Settled): Settled {
  const own = picked(options, (name) => REQUEST_OPTIONS.has(name))
  for (const _ in own) return settle(own, client)
  return client
}

/**
 * Checks the values and fills in the defaults, on top of what a client was created with.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_conflict`
 */
export function settle(options: CreateOptions, parent?: Settled): Settled {
  const strategies = options.auth === undefined ? (parent?.strategies ?? []) : strategiesOf(options.auth)
  const origins = originsOf(options, parent)
  if (strategies.length && !origins.size)
    throw invalid('`auth` needs to know where its credentials may go: give `baseUrl` or `origins`.')
  functions(options, '', 'fetch', 'onEvent')
  if (options.limiter && !options.limiter.run)
    throw invalid('`limiter` must have a function `run`, as `createLimiter()` has.')
  const { idempotencyKey, crossOrigin } = options
  if (crossOrigin !== undefined && crossOrigin !== 'error' && crossOrigin !== 'strip')
    throw invalid("`crossOrigin` must be 'error' or 'strip'.")
  if (
    idempotencyKey !== undefined &&
    idempotencyKey !== true &&
    !(typeof idempotencyKey === 'string' && /^[\x21-\x7e]+$/.test(idempotencyKey))
  )
    throw invalid('`idempotencyKey` must be visible ASCII, or true for a random one.')
  return {
    strategies,
    origins,
    retry: retryPolicy(options.retry, parent?.retry ?? defaultRetry),
    timeout: milliseconds(options, 'timeout') ?? parent?.timeout ?? 10_000,
    totalTimeout: milliseconds(options, 'totalTimeout') ?? parent?.totalTimeout ?? Number.POSITIVE_INFINITY,
    maxWait: atLeast(0, options, 'maxWait') ?? parent?.maxWait ?? 60_000,
    idempotencyKey: idempotencyKey ?? parent?.idempotencyKey,
    crossOrigin: crossOrigin ?? parent?.crossOrigin,
    maxReplayBytes: atLeast(0, options, 'maxReplayBytes') ?? parent?.maxReplayBytes ?? 1024 * 1024,
  }
}

// Fixed when the credentials are given: a later `baseUrl` elsewhere must say whose credentials, or where they may go.
function originsOf(options: CreateOptions, parent: Settled | undefined): ReadonlySet<string> {
  if (options.origins) {
    if (texts(options.origins)) return allowedOrigins(options.origins, 'origins')
    throw invalid("`origins` must be an array, e.g. ['https://api.example.com'].")
  }
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
  if (typeof given !== 'object' || !given) throw invalid('`retry` must be a number or an object, e.g. `{ limit: 3 }`.')
  checkNames(given, RETRY_OPTIONS)
  const policy = { ...parent, ...picked(given, () => true) }
  atLeast(0, policy, 'limit')
  atLeast(0, policy, 'backoffLimit')
  functions(policy, 'retry.', 'delay', 'shouldRetry')
  if (!Number.isInteger(policy.limit) || !texts(policy.methods) || !Array.isArray(policy.statusCodes))
    throw invalid(
      '`retry.limit` must be a whole number, `retry.methods` an array of names, `retry.statusCodes` one of numbers.',
    )
  return { ...policy, methods: policy.methods.map((method) => method.toLowerCase()) }
}

function texts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function functions<T extends object>(options: T, path: string, ...names: (keyof T & string)[]): void {
  for (const name of names)
    if (typeof (options[name] ?? invalid) !== 'function') throw invalid(`\`${path}${name}\` must be a function.`)
}

const LONGEST = 2_147_483_647 // 2^31 - 1; above it, a timer fires at once.

function milliseconds(options: CreateOptions, name: 'timeout' | 'totalTimeout'): number | undefined {
  const value = options[name]
  if (value === false) return Number.POSITIVE_INFINITY
  if (value !== undefined && !(typeof value === 'number' && value > 0 && value <= LONGEST))
    throw invalid(`\`${name}\` must be milliseconds, from 1 to ${LONGEST}, or false.`)
  return value
}

/** @throws LatchkeyError `invalid_option` */
export function atLeast<K extends string>(
  least: number,
  options: { [name in K]?: number },
  name: K,
): number | undefined {
  const value = options[name]
  if (value !== undefined && !(typeof value === 'number' && value >= least))
    throw invalid(`\`${name}\` must be a number, ${least} or more.`)
  return value
}

function invalid(message: string): LatchkeyError {
  return new LatchkeyError('invalid_option', message)
}

function conflict(message: string): CredentialError {
  return new CredentialError('credential_conflict', message)
}
