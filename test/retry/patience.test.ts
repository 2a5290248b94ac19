import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createBudget } from '../../src/retry/budget.ts'
import { defaultRetry, type RetryPolicy } from '../../src/retry/classify.ts'
import { createPatience, type Outcome, outcomeOf, outcomeOfFailure } from '../../src/retry/patience.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

const refused: Outcome = { verdict: 'throttled', reason: 'throttled', status: 429 }
const failed: Outcome = { verdict: 'transient', reason: 'status', status: 500 }
const final: Outcome = { verdict: 'final', reason: 'status', status: 400 }

function patience(policy: Partial<RetryPolicy> = {}, maxWait = 60_000, deadlineAt = Number.POSITIVE_INFINITY) {
  const budget = createBudget()
  const made = createPatience({ ...defaultRetry, jitter: false, ...policy }, maxWait, deadlineAt)
  return {
    delay: (outcome: Outcome, repeatable = true) => made.delay(outcome, repeatable, budget),
    retries: () => made.retries,
  }
}

async function delays(one: ReturnType<typeof patience>, outcome: Outcome, repeatable = true) {
  const all: (number | undefined)[] = []
  do all.push(await one.delay(outcome, repeatable))
  while (all.at(-1) !== undefined && all.length < 20)
  return all
}

it('failures are tried again as often as the limit says, refusals ten times', async () => {
  const one = patience()
  expect(await delays(one, failed)).toEqual([300, 600, undefined])
  expect(await delays(one, refused)).toEqual([50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, undefined])
  expect(one.retries()).toBe(2)
})

it('a limit of 0 is one attempt, whatever came of it', async () => {
  const one = patience({ limit: 0 })
  expect([await one.delay(failed), await one.delay(refused), one.retries()]).toEqual([undefined, undefined, 0])
})

it('what may not be repeated is, where nothing was processed or the server wants it', async () => {
  const one = patience()
  expect(await one.delay(failed, false)).toBeUndefined()
  expect(await one.delay({ ...failed, wanted: true }, false)).toBe(300)
  expect(await one.delay(refused, false)).toBe(50)
})

it('waits what the server says, but no longer than accepted, and not beyond the deadline', async () => {
  const one = patience({}, 2000, performance.now() + 2000)
  expect(await one.delay({ ...refused, hint: 1500 })).toBe(1500)
  expect(await one.delay({ ...refused, hint: 2000 })).toBe(2000)
  expect(await one.delay({ ...refused, hint: 2001 })).toBeUndefined()
  vi.advanceTimersByTime(501)
  expect(await one.delay({ ...refused, hint: 1500 })).toBeUndefined()
  expect(await one.delay({ ...refused, hint: 1499 })).toBe(1499)
})

it('stops when the budget of the scope is spent', async () => {
  const empty = { spend: () => false, earn: () => {} }
  const one = createPatience({ ...defaultRetry, limit: 5 }, 60_000, Number.POSITIVE_INFINITY)
  expect(await one.delay(failed, true, empty)).toBeUndefined()
  expect(one.retries).toBe(0)
  // A refusal takes nothing from it.
  expect(await one.delay(refused, true, empty)).toBe(50)
})

it("the caller's rule decides, or leaves it", async () => {
  const shouldRetry = vi.fn<NonNullable<RetryPolicy['shouldRetry']>>()
  const one = patience({ shouldRetry, limit: 9 })
  const answer = new Response('no')
  shouldRetry.mockReturnValue(undefined)
  expect(await one.delay({ ...failed, response: async () => answer })).toBe(300)
  expect(shouldRetry).toHaveBeenLastCalledWith({ error: undefined, response: answer, retryCount: 1 })
  expect(await one.delay(final)).toBeUndefined()
  shouldRetry.mockReturnValue(false)
  expect([await one.delay(failed), await one.delay(refused)]).toEqual([undefined, undefined])
  shouldRetry.mockResolvedValue(true)
  expect(await one.delay(refused)).toBe(50)
  const error = new Error('broken')
  expect(await one.delay({ ...final, error })).toBe(600)
  expect(shouldRetry).toHaveBeenLastCalledWith({ error, response: undefined, retryCount: 3 })
})

it('without a rule, what is final stands', async () => {
  expect(await patience().delay(final)).toBeUndefined()
})

const json = { 'content-type': 'application/json' }
const spent = '{"error":{"code":"insufficient_quota"}}'

it.each<[string, number, HeadersInit, string, number | undefined, Partial<Outcome>]>([
  ['a failure', 500, {}, '', undefined, { verdict: 'transient', reason: 'status', status: 500, hint: undefined }],
  ['a refusal', 429, { 'retry-after': '2' }, '', undefined, { verdict: 'throttled', reason: 'throttled', hint: 2000 }],
  ['one that a classifier saw', 200, {}, '', 0, { verdict: 'throttled', reason: 'throttled', hint: undefined }],
  ['one with its wait', 200, { 'retry-after': '2' }, '', 70, { verdict: 'throttled', hint: 70 }],
  ['one that no wait lifts', 429, json, spent, undefined, { verdict: 'final', reason: 'throttled' }],
  ['the same word elsewhere', 429, {}, spent, undefined, { verdict: 'throttled' }],
  ['the same word in a failure', 500, json, spent, undefined, { verdict: 'transient', reason: 'status' }],
  ['another word', 429, json, '{"error":"slow down"}', undefined, { verdict: 'throttled' }],
  ['a wish of the server', 409, { 'x-should-retry': 'true' }, '', undefined, { verdict: 'transient', wanted: true }],
])('%s', async (_, status, headers, body, refusal, expected) => {
  const answer = { status, headers: new Headers(headers), peek: async () => body }
  expect(await outcomeOf(answer, defaultRetry, refusal)).toMatchObject(expected)
})

it('what the transport threw may be tried again; a timeout only if asked', () => {
  const broken = new TypeError('fetch failed')
  expect(outcomeOfFailure(broken, defaultRetry)).toEqual({ verdict: 'transient', reason: 'network', error: broken })
  const late = new DOMException('late', 'TimeoutError')
  expect(outcomeOfFailure(late, defaultRetry)).toEqual({ verdict: 'final', reason: 'timeout', error: late })
  const policy = { ...defaultRetry, retryOnTimeout: true }
  expect(outcomeOfFailure(late, policy)).toMatchObject({ verdict: 'transient', reason: 'timeout' })
  const other = new DOMException('gone', 'AbortError')
  expect(outcomeOfFailure(other, defaultRetry)).toMatchObject({ verdict: 'transient', reason: 'network' })
  const named = Object.assign(new Error('late'), { name: 'TimeoutError' })
  expect(outcomeOfFailure(named, defaultRetry)).toMatchObject({ reason: 'network' })
})
