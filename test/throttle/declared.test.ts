import { expect, it } from 'vitest'
import { concurrentOf, createDeclared } from '../../src/throttle/declared.ts'
import { closedUntil, createGate } from '../../src/throttle/gate.ts'
import { priorityOf, scopeOf } from '../../src/throttle/scope-name.ts'

it('so many leave in any such time', () => {
  const declared = createDeclared([{ requests: 2, per: 100 }, { concurrent: 1 }])
  expect(declared.freeAt(1)).toBe(0)
  declared.depart(10, 1)
  expect([declared.freeAt(1), declared.freeAt(2), declared.freeAt(3), declared.freeAt(0)]).toEqual([
    0,
    110,
    Number.POSITIVE_INFINITY,
    0,
  ])
  declared.depart(50, 1)
  expect([declared.freeAt(1), declared.freeAt(2), declared.freeAt(1.5)]).toEqual([110, 150, 150])
  declared.depart(110, 1)
  expect([declared.freeAt(1), declared.freeAt(2)]).toEqual([150, 210])
  declared.depart(210, 2)
  expect([declared.freeAt(1), declared.freeAt(2)]).toEqual([310, 310])
})

it('of several limits the latest counts', () => {
  const declared = createDeclared([
    { requests: 1, per: 10 },
    { requests: 2, per: 100 },
    { requests: 5, per: 20 },
  ])
  declared.depart(0, 1)
  expect(declared.freeAt(1)).toBe(10)
  declared.depart(10, 1)
  expect(declared.freeAt(1)).toBe(100)
})

it('is handed on without what is over, from the oldest', () => {
  const limits = [{ requests: 3, per: 100 }] as const
  const declared = createDeclared(limits)
  for (const at of [0, 10, 20, 30]) declared.depart(at, 1)
  expect(declared.save(50, 1000)).toEqual([[1010, 1020, 1030]])
  expect(declared.save(110, 1000)).toEqual([[1020, 1030]])
  const next = createDeclared(limits)
  next.load(declared.save(110, 1000), -1000)
  expect([next.freeAt(1), next.freeAt(2), next.freeAt(3)]).toEqual([0, 120, 130])
  next.depart(110, 1)
  expect(next.freeAt(1)).toBe(120)
  const full = createDeclared(limits)
  full.load([[1, 2, 3, 4]], 0)
  expect(full.freeAt(1)).toBe(102)
  full.load([], 0)
  expect(full.freeAt(1)).toBe(0)
})

it('the fewest may be in flight', () => {
  expect(concurrentOf([{ concurrent: 4 }, { requests: 1, per: 1 }, { concurrent: 3 }])).toBe(3)
  expect(concurrentOf([])).toBe(Number.POSITIVE_INFINITY)
})

it('a gate opens when the server said, and later each time that was too soon', () => {
  const gate = createGate()
  const wait = (refusals: number, hint: number) => closedUntil({ ...gate, refusals }, hint, 1000) - 1000
  const between = (value: number, low: number, high: number) => {
    expect(value).toBeGreaterThanOrEqual(low)
    expect(value).toBeLessThanOrEqual(high)
  }
  expect(gate).toEqual({ until: 0, epoch: 0, status: undefined, refusals: 0 })
  between(wait(0, 5000), 5000, 5500)
  between(wait(1, 100), 100, 110)
  between(wait(1, 0), 225, 375)
  between(wait(2, 100), 450, 750)
  between(wait(4, 0), 1800, 3000)
  between(wait(2, 5000), 5000, 5500)
  between(wait(30, 0), 45_000, 75_000)
})

it('a scope is an origin and who calls it', () => {
  const named = { identity: 'ada' } as never
  const [one, other] = [{} as never, {} as never]
  expect(scopeOf('https://a.example', [])).toBe('https://a.example')
  expect(scopeOf('https://a.example', [named])).toBe('https://a.example ada')
  expect(scopeOf('https://a.example', [one])).toMatch(/^https:\/\/a\.example #\d+$/)
  expect(scopeOf('o', [one])).toBe(scopeOf('o', [one]))
  expect(scopeOf('o', [one])).not.toBe(scopeOf('o', [other]))
  expect(scopeOf('o', [named, one])).toBe(`${scopeOf('o', [named])}${scopeOf('', [one])}`)
  expect(['high', 'low', 'auto', undefined].map((priority) => priorityOf({ priority }))).toEqual([1, -1, 0, 0])
})
