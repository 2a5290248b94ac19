import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RateLimitError } from '../../src/errors.ts'
import { graphqlThrottled } from '../../src/throttle/graphql.ts'
import { rateLimitOf } from '../../src/throttle/rate-limit-of.ts'
import { hidesLimits, refusalBy } from '../../src/throttle/verdict.ts'
import { fakeAnswer } from '../fakes/fakes.ts'

const NOW = Date.UTC(2026, 10, 28)
beforeEach(() => void vi.useFakeTimers({ now: NOW, toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

const answer = (status: number, headers: HeadersInit = {}) => new Response(null, { status, headers })

it('our own refusal tells when, and of what', () => {
  const error = new RateLimitError({ retryAfter: 5000, scope: 's', status: 429, policy: 'day', reason: 'x' })
  expect(rateLimitOf(error)).toEqual({ sent: false, retryAt: NOW + 5000, retryAfter: 5000, status: 429, policy: 'day' })
  vi.setSystemTime(NOW + 6000)
  expect(rateLimitOf(error)).toMatchObject({ retryAfter: 0 })
  const plain = new RateLimitError({ retryAfter: 1, scope: 's', status: undefined, policy: undefined, reason: 'x' })
  expect(Object.keys(rateLimitOf(plain) ?? {}).sort()).toEqual(['retryAfter', 'retryAt', 'sent'])
})

it.each<[number, HeadersInit, object | undefined]>([
  [429, {}, { sent: true, status: 429 }],
  [429, { 'retry-after': '2' }, { sent: true, status: 429, retryAfter: 2000, retryAt: NOW + 2000 }],
  [429, { 'x-should-retry': 'false' }, { sent: true, status: 429 }],
  [
    429,
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '7' },
    { sent: true, status: 429, retryAfter: 7000, retryAt: NOW + 7000, policy: 'default' },
  ],
  [429, { 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '7' }, { sent: true, status: 429 }],
  [403, { 'x-ratelimit-remaining': '0' }, { sent: true, status: 403, policy: 'default' }],
  [403, {}, undefined],
  [503, { 'retry-after': '1' }, { sent: true, status: 503, retryAfter: 1000, retryAt: NOW + 1000 }],
  [503, {}, undefined],
  [413, { 'retry-after': '1' }, { sent: true, status: 413, retryAfter: 1000, retryAt: NOW + 1000 }],
  [500, { 'retry-after': '1' }, undefined],
  [200, {}, undefined],
])('%i with %j', (status, headers, expected) => {
  const response = answer(status, headers)
  expect(rateLimitOf(response)).toEqual(expected)
  expect(rateLimitOf({ response })).toEqual(expected)
})

it.each([undefined, null, 'x', new Error('x'), { response: { status: 429 } }])('%s is no limit', (thing) => {
  expect(rateLimitOf(thing)).toBeUndefined()
})

it('a classifier says yes, or how long; one that fails says nothing of what it saw', async () => {
  const { signal } = new AbortController()
  let discarded = 0
  const seen = { ...fakeAnswer(200), discard: () => void discarded++ }
  const said = async (verdict: boolean | number | undefined) => refusalBy(() => verdict, seen, signal)
  expect(await Promise.all([true, false, undefined, 0, 7, -1, Number.NaN].map(said))).toEqual([0, undefined, undefined, 0, 7, undefined, undefined]) // biome-ignore format: one line
  const failing = () => Promise.reject(new Error('secret of the answer'))
  const error = await refusalBy(failing, seen, signal).catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'invalid_option', message: expect.stringContaining('`throttled`') })
  expect(inspect(error, { depth: 9 })).not.toContain('secret')
  await expect(refusalBy(failing, seen, AbortSignal.abort('mine'))).rejects.toBe('mine')
  expect(discarded).toBe(2)
})

it('a page is told what it cannot see', () => {
  const seen = (status: number, headers: HeadersInit, type = 'cors') =>
    hidesLimits(Object.defineProperty(answer(status, headers), 'type', { value: type }))
  expect(seen(429, {})).toBe(true)
  expect(seen(429, { 'content-type': 'a/b' })).toBe(true)
  expect(seen(429, {}, 'basic')).toBe(false)
  expect(seen(503, {})).toBe(false)
  expect(seen(429, { 'retry-after': '1' })).toBe(false)
  expect(seen(429, { ratelimit: 'x' })).toBe(false)
})

describe('GraphQL', () => {
  const cost = (requested: unknown, available: unknown, rate: unknown) => ({
    errors: [{ extensions: { code: 'THROTTLED' } }],
    extensions: {
      cost: { requestedQueryCost: requested, throttleStatus: { currentlyAvailable: available, restoreRate: rate } },
    },
  })
  it.each<[string, unknown, unknown]>([
    ['a code', { errors: [{ extensions: { code: 'THROTTLED' } }] }, true],
    ['another code', { errors: [{ extensions: { code: 'RATE_LIMITED' } }] }, true],
    ['a type', { errors: [{}, { type: 'RATELIMITED' }] }, true],
    ['what is missing and comes back', cost(100, 40, 25), 2400],
    ['part of a millisecond', cost(10, 0, 3), 3334],
    ['nothing missing', cost(10, 10, 3), true],
    ['nothing coming back', cost(10, 0, 0), true],
    ['no numbers', cost(undefined, undefined, undefined), true],
    ['the word elsewhere', { data: 'THROTTLED', errors: [{ extensions: { code: 'X' } }] }, undefined],
    ['no errors', { data: ['THROTTLED'] }, undefined],
    ['an error of another kind', { errors: [{ extensions: { code: 'NOT_FOUND' } }] }, undefined],
    ['nothing', 'null "THROTTLED"', undefined],
  ])('%s', async (_, body, expected) => {
    const ask = (status: number, type: string | undefined) =>
      graphqlThrottled({
        status,
        headers: new Headers(type === undefined ? {} : { 'content-type': type }),
        peek: async () => (typeof body === 'string' ? body : JSON.stringify(body)),
      } as never)
    expect(await ask(200, 'application/graphql-response+json')).toBe(expected)
    expect([await ask(400, 'application/json'), await ask(200, 'text/html'), await ask(200, undefined)]).toEqual(
      Array(3).fill(undefined),
    )
  })
})
