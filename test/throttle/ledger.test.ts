import { expect, it } from 'vitest'
import { createLedger } from '../../src/throttle/ledger.ts'

const reading = (remaining: number, resetAfter: number, more: object = {}) => [
  { policy: 'd', unit: 'requests', limit: 100, remaining, resetAfter, source: 'ratelimit', ...more },
]

it('T8 the answer of an earlier call that comes late is no new window, though whole seconds make it look like one', () => {
  const ledger = createLedger()
  ledger.read(reading(40, 2000), 5, 20)
  ledger.read(reading(99, 3000), 0, 115)
  expect(ledger.short(120, 40, 1)).toBeDefined()
  expect(ledger.short(120, 39, 1)).toBeUndefined()
})

it('T8 the answer of a call that left after the reset tells of the new window', () => {
  const ledger = createLedger()
  ledger.read(reading(0, 2000), 5, 20)
  expect(ledger.short(2019, 0, 1)).toBeDefined()
  // One may ask; nobody else until it is answered.
  expect(ledger.short(2021, 0, 1)).toBeUndefined()
  expect(ledger.short(2021, 1, 1)).toBeDefined()
  ledger.read(reading(99, 2000), 2021, 2041)
  expect(ledger.short(2042, 98, 1)).toBeUndefined()
})

it('T8 an answer of the window before teaches nothing about the new one', () => {
  const ledger = createLedger()
  ledger.read(reading(1, 2000), 5, 20)
  ledger.read(reading(99, 2000), 2100, 2120)
  ledger.read(reading(0, 1), 10, 2125)
  expect(ledger.short(2130, 50, 1)).toBeUndefined()
})

it('two answers that name whole seconds mean the same reset; others mean what they say', () => {
  const whole = createLedger()
  whole.read(reading(1, 2000), 0, 20)
  whole.read(reading(0, 2000), 1, 320)
  expect(whole.short(100, 0, 1)?.resetAt).toBe(2020)
  const exact = createLedger()
  exact.read(reading(1, 250), 0, 20)
  exact.read(reading(0, 250), 1, 40)
  expect(exact.short(100, 0, 1)?.resetAt).toBe(290)
})

it('an answer without a word may have counted', () => {
  const ledger = createLedger()
  ledger.read(reading(1, 2000), 0, 20)
  ledger.spend(1)
  expect(ledger.short(30, 0, 1)).toBeDefined()
})

it('what does not count requests holds back only when nothing is left', () => {
  const ledger = createLedger()
  ledger.read(reading(5, 2000, { unit: 'tokens' }), 0, 20)
  expect(ledger.short(30, 50, 1)).toBeUndefined()
  ledger.read(reading(0, 2000, { unit: 'tokens' }), 1, 40)
  expect(ledger.short(50, 0, 1)).toBeDefined()
  expect(ledger.short(2050, 0, 1)).toBeUndefined()
})

it('a call that costs more than the whole limit leaves when all of it is there', () => {
  const ledger = createLedger()
  ledger.read(reading(100, 2000), 0, 20)
  expect(ledger.short(30, 0, 500)).toBeUndefined()
  expect(ledger.short(30, 1, 500)).toBeDefined()
})

it('T8 a later reset, told by a call that left no earlier than the one that told before, is a new window', () => {
  for (const leftAt of [5, 30]) {
    const ledger = createLedger()
    ledger.read(reading(0, 2000), 5, 20)
    ledger.read(reading(99, 60_000), leftAt, 40)
    expect(ledger.short(50, 0, 1)).toBeUndefined()
  }
})

it('of several quotas that are used up, the one that lasts longest holds back, whichever was told first', () => {
  const [soon, late] = [reading(0, 1000, { policy: 'soon' }), reading(0, 9000, { policy: 'late' })]
  for (const readings of [
    [...soon, ...late],
    [...late, ...soon],
  ]) {
    const ledger = createLedger()
    ledger.read(readings, 0, 0)
    expect(ledger.short(10, 0, 1)?.reading.policy).toBe('late')
  }
})

it('knows a hundred quotas, and forgets none that is used up', () => {
  const ledger = createLedger()
  const named = (policy: string, remaining: number, resetAfter: number) => ledger.read(reading(remaining, resetAfter, { policy }), 0, 0) // biome-ignore format: one line
  named('used up', 0, 5000)
  for (let i = 1; i < 100; i++) named(`${i}`, 50, 5000)
  expect(ledger.quotas.size).toBe(100)
  named('one more', 50, 5000)
  expect([...ledger.quotas.values()].map(({ reading }) => reading.policy)).toEqual(['used up', 'one more'])
  for (let i = 2; i < 100; i++) named(`${i}`, 0, 1000)
  // Used up, and over: it holds nobody back any more.
  ledger.read(reading(9, 1000, { policy: 'last' }), 1500, 1500)
  expect([...ledger.quotas.values()].map(({ reading }) => reading.policy)).toEqual(['used up', 'last'])
})

it('what a call costs is counted in requests, and in nothing else', () => {
  const ledger = createLedger()
  ledger.read(reading(1, 2000, { unit: 'tokens' }), 0, 20)
  ledger.spend(1)
  expect(ledger.short(30, 0, 1)).toBeUndefined()
})
