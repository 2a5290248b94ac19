import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { backoff, positiveJitter } from '../../src/retry/backoff.ts'
import { createBudget } from '../../src/retry/budget.ts'
import { defaultRetry } from '../../src/retry/classify.ts'

const random = vi.spyOn(Math, 'random')
beforeEach(() => void random.mockReturnValue(0.5))
afterEach(() => void random.mockReset())

const plain = { ...defaultRetry, jitter: false }

it('doubles from 300 ms up to the limit', () => {
  expect([1, 2, 3, 6, 7, 8].map((count) => backoff(count, undefined, plain))).toEqual([
    300, 600, 1200, 9600, 19_200, 20_000,
  ])
  expect(backoff(8, undefined, { ...plain, backoffLimit: 5 })).toBe(5)
  expect(backoff(1, undefined, { ...plain, delay: () => -1 })).toBe(0)
})

it('takes a random part of it, or what the caller makes of it', () => {
  expect(backoff(2, undefined, defaultRetry)).toBe(300)
  expect(backoff(2, undefined, { ...defaultRetry, jitter: (delay) => delay + 7 })).toBe(607)
  expect(backoff(2, undefined, { ...defaultRetry, jitter: () => 0 })).toBe(0)
  for (const senseless of [-1, Number.NaN, Number.POSITIVE_INFINITY])
    expect(backoff(2, undefined, { ...defaultRetry, jitter: () => senseless })).toBe(600)
})

it('never waits less than the server asked for, and a little more', () => {
  expect(backoff(1, 4000, defaultRetry)).toBe(4200)
  expect(backoff(1, 0, plain)).toBe(300)
  // 20 s is the limit of our own delay only.
  expect(backoff(1, 60_000, defaultRetry)).toBe(60_500)
  expect(positiveJitter(1000)).toBe(50)
  expect(positiveJitter(1_000_000)).toBe(500)
})

it('the budget pays for 35 retries; a success earns one, or what its retries cost', () => {
  const budget = createBudget()
  const spendable = () => {
    let times = 0
    while (budget.spend()) times++
    return times
  }
  expect(spendable()).toBe(35)
  budget.earn(0)
  expect(spendable()).toBe(0)
  // 10 of the 500 were left, and one was earned.
  for (let i = 0; i < 2; i++) budget.earn(0)
  expect(budget.spend()).toBe(false)
  budget.earn(0)
  expect(spendable()).toBe(1)
  budget.earn(2)
  expect(spendable()).toBe(2)
  // It is never more than full.
  budget.earn(1000)
  expect(spendable()).toBe(35)
})
