import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createClock, dateOf } from '../../src/http/clock.ts'

const NOW = Date.UTC(2026, 10, 28, 12, 0, 0)
const DAY = 86_400_000
beforeEach(() => void vi.useFakeTimers({ now: NOW, toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

const dated = (ahead: number, more: Record<string, string> = {}) =>
  new Headers({ date: new Date(NOW + ahead).toUTCString(), ...more })
/** How far a clock is ahead after each of these answers. `Date` is taken for the middle of its second. */
function ahead(...dates: number[]): number[] {
  const clock = createClock()
  return dates.map((date) => {
    clock.observe(dated(date), NOW + 400, NOW + 600)
    return clock.now() - NOW
  })
}

it('goes as the server’s does, once it is clearly off', () => {
  expect(ahead(1000)).toEqual([0])
  expect(ahead(3000)).toEqual([3000])
  expect(ahead(-60_000)).toEqual([-60_000])
  // The middle of the way counts.
  const clock = createClock()
  clock.observe(dated(60_000), NOW, NOW + 4000)
  expect(clock.now()).toBe(NOW + 58_500)
})

it('does not shake, and follows when it is wrong', () => {
  expect(ahead(60_000, 61_000, 59_000, 63_000, 0)).toEqual([60_000, 60_000, 60_000, 63_000, 0])
})

it('2 s are noise', () => {
  expect(ahead(2000)).toEqual([0])
  expect(ahead(-2000)).toEqual([0])
})

it('takes a day for a broken server', () => {
  expect(ahead(DAY, DAY + 1000)).toEqual([DAY, DAY])
  expect(ahead(-DAY - 1000)).toEqual([0])
})

it('learns nothing from what a cache kept, or what is no date', () => {
  const clock = createClock()
  clock.observe(dated(60_000, { age: '1' }), NOW, NOW)
  clock.observe(new Headers({ date: 'soon' }), NOW, NOW)
  clock.observe(new Headers(), NOW, NOW)
  expect(clock.now()).toBe(NOW)
  expect([dateOf(dated(0)), dateOf(dated(0, { age: '0' })), dateOf(dated(0, { age: '1' }))]).toEqual([
    NOW,
    NOW,
    undefined,
  ])
})

it('believes who knows better, and from then on no `Date`', () => {
  const clock = createClock()
  clock.learn(Number.NaN)
  clock.learn(NOW + DAY + 1)
  expect(clock.now()).toBe(NOW)
  clock.observe(dated(60_000), NOW, NOW)
  clock.learn(NOW + 7.4)
  expect(clock.now()).toBe(NOW + 7)
  clock.observe(dated(60_000), NOW, NOW)
  expect(clock.now()).toBe(NOW + 7)
  clock.learn(NOW - DAY)
  expect(clock.now()).toBe(NOW - DAY)
})
