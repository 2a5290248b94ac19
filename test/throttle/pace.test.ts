import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createPace, type Pace } from '../../src/throttle/pace.ts'

beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0))
afterEach(() => void vi.restoreAllMocks())

/** So many leave at once, are accepted, and one more is refused, if at all. */
function window(pace: Pace, now: number, calls: number, refused: boolean): number | undefined {
  let number = 0
  for (let i = 0; i < calls; i++) number = pace.depart(now, 1, false)
  const more = refused ? pace.depart(now, 1, false) : 0
  for (let i = 0; i < calls; i++) pace.accepted(number, 1)
  return refused ? pace.refused(more, now, undefined) : undefined
}

/** Calls as they come, at a server that grants `limit` per `length` milliseconds, for so long: how often it refused. */
function live(pace: Pace, limit: number, length: number, duration: number): { refused: number; accepted: number } {
  let [began, left, refused, accepted, shut] = [-1, 0, 0, 0, 0]
  for (let now = 0; now < duration; now++) {
    for (let tries = 0; tries < 50; tries++) {
      if (now < shut || (pace.left < 1 && pace.opensAt > now)) break
      const number = pace.depart(now, 1, false)
      if (now >= began + length || began < 0) [began, left] = [now, limit]
      if (left-- > 0) {
        accepted++
        pace.accepted(number, 1)
      } else {
        refused++
        shut = pace.refused(number, now, undefined)
        break
      }
    }
  }
  return { refused, accepted }
}

describe('a pace', () => {
  it('knows nothing at first, and holds nobody back', () => {
    const pace = createPace()
    expect(pace).toMatchObject({ limit: Number.POSITIVE_INFINITY, window: 0, early: false, left: Number.POSITIVE_INFINITY }) // biome-ignore format: one line
    expect(window(pace, 0, 500, false)).toBeUndefined()
    expect(pace.left).toBe(Number.POSITIVE_INFINITY)
  })

  it('takes what was accepted until a refusal for the limit, and tries again after 300 ms', () => {
    const pace = createPace()
    expect(window(pace, 1000, 10, true)).toBe(1300)
    expect(pace).toMatchObject({ limit: 10, left: 0, opensAt: 1300, window: 0, early: false })
  })

  it('tries after the windows people configure, one after the other', () => {
    const pace = createPace()
    let at = window(pace, 0, 10, true) as number
    const tries = [at]
    for (let i = 0; i < 8; i++) {
      at = pace.refused(pace.depart(at, 1, false), at, undefined)
      tries.push(at)
    }
    expect(tries).toEqual([300, 1050, 2100, 5200, 10_300, 15_400, 30_500, 61_000, 122_000])
  })

  it('learns the length of the window from the try that is accepted', () => {
    const pace = createPace()
    expect(window(pace, 0, 10, true)).toBe(300)
    const at = pace.refused(pace.depart(300, 1, false), 300, undefined)
    expect(at).toBe(1050)
    const number = pace.depart(at, 1, false)
    expect(pace).toMatchObject({ early: false, limit: 10, left: 9 })
    pace.accepted(number, 1)
    // Closed after 300, open after 1050: the next is tried between.
    expect(pace).toMatchObject({ window: 1050, left: 9, opensAt: 1050 + 675 })
    pace.depart(1725, 1, false)
    expect(pace.early).toBe(true)
  })

  it('waits as long as the server says, if that is longer', () => {
    const pace = createPace()
    const number = pace.depart(0, 1, false)
    pace.accepted(number, 1)
    expect(pace.refused(pace.depart(0, 1, false), 0, 7000)).toBe(7000)
    expect(pace.opensAt).toBe(7000)
    const other = createPace()
    other.accepted(other.depart(0, 1, false), 1)
    expect(other.refused(other.depart(0, 1, false), 0, 100)).toBe(300)
  })

  it('what belongs to a window before tells nothing', () => {
    const pace = createPace()
    window(pace, 0, 10, true)
    const old = pace.depart(299, 0, false)
    pace.depart(300, 1, false)
    const before = pace.save(0)
    expect(pace.refused(old, 300, undefined)).toBe(0)
    pace.accepted(old, 1)
    expect(pace.save(0)).toEqual(before)
  })

  it('begins anew when nobody was there, or after 10 s without a refusal', () => {
    for (const [now, idle, limit] of [
      [10_001, false, 3],
      [10_000, false, 13],
      [1, true, 3],
    ] as const) {
      const pace = createPace()
      window(pace, 0, 10, false)
      const number = pace.depart(now, 1, idle)
      for (let i = 0; i < 2; i++) pace.depart(now, 1, false)
      for (let i = 0; i < 3; i++) pace.accepted(number, 1)
      pace.refused(number, now, undefined)
      expect(pace.limit).toBe(limit)
    }
  })

  it('of a call that costs more takes more', () => {
    const pace = createPace()
    const number = pace.depart(0, 4, false)
    pace.accepted(number, 4)
    pace.refused(number, 0, undefined)
    expect(pace.limit).toBe(4)
  })

  it('who was refused from the beginning has measured nothing', () => {
    const pace = createPace()
    const number = pace.depart(0, 1, false)
    expect(pace.refused(number, 0, undefined)).toBe(300)
    expect(pace.limit).toBe(Number.POSITIVE_INFINITY)
  })

  it('is handed on, with its instants moved', () => {
    const pace = createPace()
    live(pace, 10, 1000, 20_000)
    const other = createPace()
    other.load(pace.save(5000), 2000)
    expect(other.save(-7000)).toEqual(pace.save(0))
    expect([other.limit, other.window, other.left]).toEqual([pace.limit, pace.window, pace.left])
    expect(other.opensAt).toBe(pace.opensAt + 7000)
  })

  it.each([
    [10, 1000],
    [100, 1000],
    [5, 2000],
    [50, 5000],
    [20, 10_000],
  ])('finds %i in %i ms, and uses it with few refusals', (limit, length) => {
    const pace = createPace()
    live(pace, limit, length, 10 * length)
    expect(pace.window).toBeGreaterThan(length * 0.8)
    expect(pace.window).toBeLessThan(length * 1.4)
    expect(Math.abs(pace.limit - limit)).toBeLessThanOrEqual(Math.max(1, limit * 0.25))
    const fresh = createPace()
    const { refused, accepted } = live(fresh, limit, length, 60 * length)
    expect(accepted).toBeGreaterThan(60 * limit * 0.75)
    expect(refused).toBeLessThan(60)
  })

  it('follows a limit that rises, and one that falls', () => {
    const pace = createPace()
    live(pace, 10, 1000, 20_000)
    // More calls, or shorter windows.
    const rate = ({ limit, window }: Pace) => limit / window
    const before = rate(pace)
    const shifted = (limit: number) => {
      const next = createPace()
      next.load(pace.save(0), -20_000)
      live(next, limit, 1000, 60_000)
      return rate(next)
    }
    expect(shifted(40)).toBeGreaterThan(before * 1.5)
    expect(shifted(4)).toBeLessThan(before * 0.6)
  })

  it('another that takes over goes on exactly so', () => {
    const step = fc.record({ after: fc.integer({ min: 0, max: 3000 }), calls: fc.integer({ min: 1, max: 30 }), refused: fc.boolean() }) // biome-ignore format: one line
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), fc.nat(59), (steps, turn) => {
        const [one, other] = [createPace(), createPace()]
        let now = 0
        for (const [index, { after, calls, refused }] of steps.entries()) {
          if (index === turn) other.load(JSON.parse(JSON.stringify(one.save(0), finite), infinite), 0)
          now += after
          for (const pace of index < turn ? [one] : [one, other]) window(pace, now, calls, refused)
          if (index < turn) continue
          expect(seen(other)).toEqual(seen(one))
        }
      }),
      { numRuns: 200 },
    )
  })
})

const finite = (_: string, value: unknown) => (value === Number.POSITIVE_INFINITY ? null : value)
const infinite = (_: string, value: unknown) => (value === null ? Number.POSITIVE_INFINITY : value)
const seen = ({ limit, window, early, left, opensAt }: Pace) => ({ limit, window, early, left, opensAt })

describe('a limit that is known', () => {
  /** As learned: so many per window, all of it used since 0. */
  function known(limit: number, length: number): Pace {
    const pace = createPace()
    const [, , , , , , , , , , tries, , patience, step, gap, streak, best] = pace.save(0)
    const instants = [0, 0, -length] as const
    const numbers = [
      limit,
      length,
      length,
      length,
      limit,
      limit,
      1,
      tries,
      0,
      patience,
      step,
      gap,
      streak,
      best,
    ] as const
    pace.load([...instants, ...numbers, false, false, true, false, false, false], 0)
    return pace
  }
  /** A window in which all that may leave does, and comes back. */
  function full(pace: Pace, now: number): number {
    const number = pace.depart(now, 1, false)
    const calls = 1 + pace.left
    for (let i = 1; i < calls; i++) pace.depart(now, 1, false)
    for (let i = 0; i < calls; i++) pace.accepted(number, 1)
    return number
  }

  it('grows gently after some clean windows, and faster as long as that goes well', () => {
    const pace = known(64, 1000)
    const limits = []
    for (let index = 1; index <= 12; index++) {
      full(pace, index * 1000)
      limits.push(pace.limit)
    }
    // 64 / 32, then / 16, / 8, / 4, and no faster than that.
    expect(limits).toEqual([64, 66, 66, 70, 70, 78, 78, 97, 97, 121, 121, 151])
  })

  it('after a step that failed it waits longer, and tries windows that are shorter; then calls again', () => {
    const pace = known(64, 1000)
    full(pace, 1000)
    full(pace, 2000)
    expect(pace.limit).toBe(66)
    const number = pace.depart(3000, 65, false)
    pace.accepted(number, 65)
    pace.refused(pace.depart(3000, 1, false), 3000, undefined)
    expect(pace.limit).toBe(65)
    const [limits, windows]: [number[], number[]] = [[], []]
    for (let index = 4; index <= 8; index++) {
      full(pace, index * 1000)
      limits.push(pace.limit)
      windows.push(pace.opensAt - index * 1000)
    }
    expect(limits).toEqual(Array(5).fill(65))
    // The fifth is the first after four clean ones.
    expect(windows).toEqual([1000, 1000, 1000, 1000, 875])
  })

  it('a small one grows by shorter windows: one call more would be too much at once', () => {
    const pace = known(4, 1000)
    for (let index = 1; index <= 2; index++) full(pace, index * 1000)
    expect([pace.limit, pace.opensAt]).toEqual([4, 2875])
  })

  it('of a long window is tried for more within it: one, then two, then four, until that is refused', () => {
    const pace = known(10, 10_000)
    expect([pace.left, pace.opensAt]).toEqual([0, 1000])
    const number = pace.depart(1000, 1, false)
    expect([number, pace.limit, pace.left]).toEqual([1, 11, 0])
    pace.accepted(number, 1)
    // What is accepted opens the way to more, at once.
    expect([pace.limit, pace.opensAt]).toEqual([12, 1000])
    pace.accepted(pace.depart(1001, 1, false), 1)
    expect([pace.limit, pace.left]).toEqual([12, 0])
    pace.accepted(pace.depart(1002, 1, false), 1)
    expect([pace.limit, pace.left, pace.opensAt]).toEqual([15, 2, 1002])
    for (const now of [1003, 1004]) pace.accepted(pace.depart(now, 1, false), 1)
    pace.refused(pace.depart(1005, 1, false), 1005, undefined)
    // Ten and five were accepted; the next try is a second away, the one after that two.
    expect([pace.limit, pace.opensAt]).toEqual([15, 2005])
    pace.refused(pace.depart(2005, 1, false), 2005, undefined)
    expect(pace.opensAt).toBe(4005)
  })

  it('falls by a quarter at most where most of it was accepted, and to what was accepted else', () => {
    for (const [accepted, limit] of [
      [60, 75],
      [80, 80],
      [50, 50],
      [3, 3],
    ] as const) {
      const pace = known(100, 1000)
      const number = pace.depart(1000, accepted, false)
      pace.accepted(number, accepted)
      pace.refused(number, 1000, undefined)
      expect(pace.limit).toBe(limit)
    }
  })

  it('a window that comes too early is tried later, a little at first, then more', () => {
    const pace = known(10, 1000)
    const at = [1000]
    for (let index = 0; index < 4; index++) {
      const now = at.at(-1) as number
      at.push(pace.refused(pace.depart(now, 1, false), now, undefined))
    }
    // By 5, 10, 20 and 40 per cent of its length, counted from when it last opened.
    expect(at).toEqual([1000, 1050, 1100, 1200, 1400])
  })
})
