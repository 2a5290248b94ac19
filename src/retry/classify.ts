import { waitHint } from './hint.ts'

/** How a client tries again. The names are ky's. */
export interface RetryOptions {
  /** How often a failed request is tried again; waits for a rate limit have their own bound. Default 2; 0 is exactly one attempt. */
  limit?: number
  /** Methods that may be tried again after a failure. Default get, put, head, delete, options, trace, query. A 429 was not processed, so it is tried again with every method. */
  methods?: readonly string[]
  /** Statuses that may be tried again. Default 408, 413, 429, 500, 502, 503, 504; 413 only when the server says when. */
  statusCodes?: readonly number[]
  /** Milliseconds before retry `n`, from 1, before jitter. Default 300 × 2^(n-1). */
  delay?: (retryCount: number) => number
  /** Spreads the delay: `true` takes a random part of it, a function gives its own. Default true. Never makes a wait shorter than the server asked for. */
  jitter?: boolean | ((delay: number) => number)
  /** Longest delay of our own, in milliseconds. Default 20 000. Does not shorten what the server asks for. */
  backoffLimit?: number
  /** Try again when an attempt timed out. Default false. */
  retryOnTimeout?: boolean
  /** Decides in place of the rules when it returns true or false; undefined leaves it to them. */
  shouldRetry?: (state: RetryState) => boolean | undefined | Promise<boolean | undefined>
}

export interface RetryState {
  /** What went wrong; undefined when the server answered. */
  readonly error: unknown
  /** The answer, with at most 64 KiB of its body. */
  readonly response: Response | undefined
  /** 1 for the first retry. */
  readonly retryCount: number
}

export type RetryPolicy = Required<Omit<RetryOptions, 'shouldRetry'>> & Pick<RetryOptions, 'shouldRetry'>

export const defaultRetry: RetryPolicy = {
  limit: 2,
  methods: ['get', 'put', 'head', 'delete', 'options', 'trace', 'query'],
  statusCodes: [408, 413, 429, 500, 502, 503, 504],
  delay: (retryCount) => 300 * 2 ** (retryCount - 1),
  jitter: true,
  backoffLimit: 20_000,
  retryOnTimeout: false,
}

/** `throttled`: not processed, come back later. `transient`: may have been processed. `final`: the answer stands. */
export type Verdict = 'throttled' | 'transient' | 'final'

type Head = { readonly status: number; readonly headers: Headers }

/** What a status means before the method is asked. A 403 that says when to come back, or that nothing is left, is a limit. */
export function classify(response: Head, statusCodes: readonly number[]): Verdict {
  const { status, headers } = response
  const wanted = retryWanted(response)
  if (wanted === false) return 'final'
  if (status === 403) return waitHint(headers) === undefined && !nothingLeft(headers) ? 'final' : 'throttled'
  if (!statusCodes.includes(status)) return wanted ? 'transient' : 'final'
  if (status === 429) return 'throttled'
  return status === 413 && waitHint(headers) === undefined ? 'final' : 'transient'
}

/** What the server itself says of another attempt, also of a POST: `x-should-retry` of OpenAI and its like, and Stripe's. */
export function retryWanted({ status, headers }: Head): boolean | undefined {
  const word = status < 400 ? null : (headers.get('x-should-retry') ?? headers.get('stripe-should-retry'))
  return word === 'true' || (word === 'false' ? false : undefined)
}

function nothingLeft(headers: Headers): boolean {
  return ['x-ratelimit-', 'x-rate-limit-', 'ratelimit-'].some((prefix) => headers.get(`${prefix}remaining`) === '0')
}
