import { LatchkeyError } from './errors.ts'
import { LONGEST_TIMER } from './timing.ts'

/** What a value must be: the test, and the words for it. */
type Rule = readonly [test: (value: unknown) => boolean, says: string]
export type Rules = Readonly<Record<string, Rule>>

const anything: Rule = [() => true, '']
const aFunction: Rule = [(value) => typeof value === 'function', 'a function']
const atLeast = (least: number): Rule => [
  (value) => typeof value === 'number' && value >= least,
  `a number, ${least} or more`,
]
const duration: Rule = [
  (value) => value === false || (typeof value === 'number' && value > 0 && value <= LONGEST_TIMER),
  `milliseconds, from 1 to ${LONGEST_TIMER}, or false`,
]
const listOf = (type: string, example: string): Rule => [
  (value) => Array.isArray(value) && value.every((item) => typeof item === type),
  `an array such as ${example}`,
]

const isLimit = (limit: unknown) =>
  ['concurrent', 'per,requests'].includes(String(Object.keys(Object(limit)).sort())) &&
  Object.values(limit as object).every((value) => Number.isInteger(value) && value > 0)

/** What one request may set for itself. */
export const REQUEST: Rules = {
  auth: anything,
  retry: [
    (value) => typeof value === 'number' || (typeof value === 'object' && value !== null),
    'a number or an object such as { limit: 3 }',
  ],
  timeout: duration,
  totalTimeout: duration,
  maxWait: atLeast(0),
  cost: [(value) => Number.isFinite(value) && (value as number) >= 0, 'a finite number, 0 or more'],
  throttled: aFunction,
  idempotencyKey: [
    (value) => value === true || (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)),
    'visible ASCII, or true for a random one',
  ],
  version: [
    (value) => typeof (value as { ask?: unknown } | null)?.ask === 'function',
    "what apiVersion() of 'latchkey/version' gives",
  ],
  crossOrigin: [(value) => value === 'error' || value === 'strip', "'error' or 'strip'"],
}

/** What is fixed for a whole client. */
export const CREATE: Rules = {
  baseUrl: anything,
  origins: [
    // Absolute: a page would take anything else for a place on its own origin.
    (value) => Array.isArray(value) && value.every((item) => /^https?:\/\//i.test(item)),
    "an array such as ['https://api.example.com']",
  ],
  quota: aFunction,
  limits: [
    (value) => value === 'none' || (Array.isArray(value) && value.every(isLimit)),
    "'none' or an array such as [{ requests: 100, per: 60_000 }, { concurrent: 8 }]",
  ],
  limiter: [
    (value) => typeof (value as { run?: unknown } | null)?.run === 'function',
    'an object with a function `run`, as `createLimiter()` gives',
  ],
  fetch: aFunction,
  onEvent: aFunction,
  clock: aFunction,
  maxReplayBytes: atLeast(0),
}

export const RETRY: Rules = {
  limit: [(value) => Number.isInteger(value) && (value as number) >= 0, 'a whole number, 0 or more'],
  methods: listOf('string', "['get']"),
  statusCodes: listOf('number', '[503]'),
  delay: aFunction,
  jitter: anything,
  backoffLimit: atLeast(0),
  retryOnTimeout: anything,
  shouldRetry: aFunction,
}

/** Names whose values are nobody's business here. */
export const named = (words: string): Rules => Object.fromEntries(words.split(' ').map((word) => [word, anything]))
export const FETCH: Rules = named(
  'method headers body redirect signal duplex window mode credentials cache referrer referrerPolicy integrity keepalive',
)
/** Extensions of fetch that are known; on a request, any other name goes down to the transport too. */
export const TRANSPORT: Rules = named('priority dispatcher next cf client tls proxy unix verbose')
/** What every client is made with. */
export const CREATION: Rules = { ...REQUEST, ...CREATE, ...TRANSPORT }

// What other clients call otherwise, or what would harm here.
const REFUSED: Record<string, string> = {
  prefixUrl: 'baseUrl',
  baseURL: 'baseUrl',
  params: 'searchParams',
  concurrency: 'limits: [{ concurrent: 8 }]',
  maxRetryAfter: 'maxWait',
  afterStatusCodes: 'retry.statusCodes',
  onUploadProgress: 'body: () => stream, and count in the stream',
}

/**
 * Refuses values that cannot be meant.
 * @throws LatchkeyError `invalid_option`
 */
export function check(options: object, rules: Rules, path = ''): void {
  for (const name in rules) {
    const value = (options as Record<string, unknown>)[name]
    const [test, says] = rules[name] as Rule
    if (value !== undefined && !test(value)) throw invalid(`\`${path}${name}\` must be ${says}.`)
  }
}

/**
 * Refuses names that nobody knows, before anything is made with them.
 * @throws LatchkeyError `invalid_option`
 */
export function checkNames(options: object, known: Rules): void {
  if (typeof options !== 'object' || !options) throw invalid('Options are an object, such as `{ baseUrl, auth }`.')
  refuseNames(options)
  for (const name in options) {
    if (Object.hasOwn(known, name)) continue
    const start = name.slice(0, 3).toLowerCase()
    const meant = Object.keys(known).find((candidate) => candidate.toLowerCase().startsWith(start))
    throw invalid(`\`${name}\` is not an option.${meant ? ` Did you mean \`${meant}\`?` : ''}`)
  }
}

/**
 * Refuses on a request what is called otherwise here, or belongs to the client.
 * @throws LatchkeyError `invalid_option`
 */
export function refuseNames(options: object, forRequest = false): void {
  for (const name in options) {
    if (Object.hasOwn(REFUSED, name)) throw invalid(`\`${name}\` is not an option here. Use \`${REFUSED[name]}\`.`)
    if (forRequest && name !== 'baseUrl' && Object.hasOwn(CREATE, name))
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

export function invalid(message: string): LatchkeyError {
  return new LatchkeyError('invalid_option', message)
}
