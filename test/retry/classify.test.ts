import { expect, it } from 'vitest'
import { classify, defaultRetry, retryWanted, type Verdict } from '../../src/retry/classify.ts'

const judged = (status: number, headers: HeadersInit = {}, statusCodes = defaultRetry.statusCodes) =>
  classify({ status, headers: new Headers(headers) }, statusCodes)

it('tries again what can be tried again, unless it was told otherwise', () => {
  expect(defaultRetry).toMatchObject({
    limit: 2,
    methods: ['get', 'put', 'head', 'delete', 'options', 'trace', 'query'],
    statusCodes: [408, 413, 429, 500, 502, 503, 504],
    jitter: true,
    backoffLimit: 20_000,
    retryOnTimeout: false,
  })
})

it.each<[number, HeadersInit, Verdict]>([
  [200, {}, 'final'],
  [404, {}, 'final'],
  [408, {}, 'transient'],
  [429, {}, 'throttled'],
  [500, {}, 'transient'],
  [501, {}, 'final'],
  [503, { 'retry-after': '1' }, 'transient'],
  [413, {}, 'final'],
  [413, { 'retry-after': '1' }, 'transient'],
  [403, {}, 'final'],
  [403, { 'retry-after': '1' }, 'throttled'],
  [403, { 'x-ratelimit-remaining': '0' }, 'throttled'],
  [403, { 'x-rate-limit-remaining': '0' }, 'throttled'],
  [403, { 'ratelimit-remaining': '0' }, 'throttled'],
  [403, { 'x-ratelimit-remaining': '1' }, 'final'],
  [400, { 'x-should-retry': 'true' }, 'transient'],
  [500, { 'x-should-retry': 'false' }, 'final'],
  [429, { 'stripe-should-retry': 'false' }, 'final'],
  [409, { 'stripe-should-retry': 'true' }, 'transient'],
  [404, { 'x-should-retry': 'perhaps' }, 'final'],
])('%i with %j is %s', (status, headers, verdict) => {
  expect(judged(status, headers)).toBe(verdict)
})

it('a status that the caller did not name stands, a 429 too', () => {
  expect(judged(429, {}, [500])).toBe('final')
  expect(judged(418, {}, [418])).toBe('transient')
})

it('a server says whether to come back only of what failed', () => {
  const wanted = (status: number, word: string) =>
    retryWanted({ status, headers: new Headers({ 'x-should-retry': word }) })
  expect([wanted(400, 'true'), wanted(400, 'false'), wanted(400, ''), wanted(399, 'true')]).toEqual([
    true,
    false,
    undefined,
    undefined,
  ])
})
