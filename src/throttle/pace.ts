// What a server that only says 429 allows, learned from when it refuses: so many calls per so many milliseconds.
//
// Between two instants at which nothing was left, a server accepts what it allows in that time, whether it counts in windows or
// drips tokens. So each refusal ends a measurement, and what was accepted since the last opening is what fits between two.

// Milliseconds after a refusal that told no time when one call tries again: just after the windows people configure.
const STEPS = [300, 1050, 2100, 5200, 10_300, 15_400, 30_500, 61_000]
// Without a refusal, a measurement longer than this starts anew: an hour of calm says nothing about a burst.
const LONGEST_COLD = 10_000
// Between two attempts at more lie at most four clean windows, or as many as take so many milliseconds.
const CALM = 2000
// Where windows are longer than this, nobody waits for the next one before a call has tried whether there is more in this one:
// what was measured may have been another's share. Each refusal doubles the time until the next try.
const LONG = 5000
const FIRST_GAP = 1000
const NEVER = Number.POSITIVE_INFINITY
// A limit below this grows by shorter windows: one call more would be too much at once.
const SMALL = 8

export interface Pace {
  /** Calls per window; Infinity as long as nothing was refused. */
  readonly limit: number
  /** Milliseconds. */
  readonly window: number
  /** The window that just began may be closed still: it comes earlier than any before. */
  readonly early: boolean
  /** Calls that may still leave in this window. */
  readonly left: number
  /** When another call may leave once none is left, as a reading of `performance.now()`: with the next window, or to try for more. */
  readonly opensAt: number
  /** A call leaves; gives the window it belongs to. */
  depart(now: number, cost: number, idle: boolean): number
  accepted(window: number, cost: number): void
  /** The first refusal among the calls of a window; the server may have said for how long. Gives when to try again. */
  refused(window: number, now: number, until: number | undefined): number
  /** All that was learned, and to go on from there; instants moved by `offset`. */
  save(offset: number): Learned
  load(saved: Learned, offset: number): void
}

/** In the order of `save` and `load`: names would weigh more than what they name. */
// biome-ignore format: one table
export type Learned = readonly [
  openedAt: number, emptyAt: number, previous: number, limit: number, shut: number, length: number, plan: number, used: number,
  taken: number, number: number, tries: number, clean: number, patience: number, step: number, gap: number, streak: number,
  best: number, opening: boolean, judged: boolean, measured: boolean, trial: boolean, sooner: boolean, trying: boolean,
]

export function createPace(): Pace {
  let limit = NEVER
  // A window was closed for at least `shut`, and open after `length`, counted from its opening; the next opens after `plan`.
  let shut = 0
  let length = 0
  let plan = 0
  let openedAt = 0
  let emptyAt = 0
  let previous = 0
  let used = 0
  let taken = 0
  let number = 0
  let opening = false
  let judged = false
  let measured = true
  let tries = 0
  let clean = 0
  let patience = 2
  let step = 5
  let trial = false
  let sooner = false
  let trying = false
  let gap = FIRST_GAP
  let streak = 1
  let best = NEVER

  return {
    get limit() {
      return limit
    },
    get window() {
      return length
    },
    get early() {
      return opening && plan < length
    },
    get left() {
      return Math.max(0, limit - used)
    },
    get opensAt() {
      return Math.min(openedAt + plan, length < LONG || opening ? NEVER : Math.max(openedAt, emptyAt) + gap)
    },
    depart(now, cost, idle) {
      const learned = plan > 0
      if (learned ? now >= openedAt + plan : idle || now > openedAt + LONGEST_COLD) {
        if (learned && !judged) judge()
        previous = openedAt
        openedAt = now
        used = taken = 0
        best = limit
        opening = learned
        number++
      }
      used += cost
      if (used > limit) {
        // One more than known, then twice as many, as long as they are accepted.
        limit = used
        emptyAt = now
        trying = true
      }
      return number
    },
    accepted(window, cost) {
      if (window !== number) return
      taken += cost
      if (trying) {
        trying = false
        gap = 0
        limit += streak
        streak *= 2
      }
      if (!opening) return
      opening = judged = false
      tries = 0
      // Whoever came later than planned has proven no more than that.
      length = length ? Math.min(Math.max(length, plan), Math.max(plan, openedAt - previous)) : plan
      plan = length - shut > length / 8 ? (shut + length) / 2 : length
    },
    refused(window, now, until) {
      if (window !== number) return 0
      if (opening) {
        // Not open yet: the window before lasts on.
        opening = false
        shut = Math.max(shut, openedAt - previous)
        failed()
        openedAt = previous
        if (limit < NEVER) used = limit
        number++
        if (plan < length) plan = length
        else plan = length ? length * (1 + 0.05 * 2 ** tries++) : emptyAt - openedAt + nextStep(now - emptyAt)
      } else {
        gap = Math.max(FIRST_GAP, gap * 2)
        streak = 1
        emptyAt = now
        if (!length) shut = now - openedAt
        else if (!trying) shut = plan
        measured = trying = false
        plan = length ? Math.max(length, now - openedAt) : now - openedAt + nextStep(0)
        // Who was refused from the beginning has measured nothing.
        if (taken) used = limit = lowered()
      }
      if (until !== undefined && until > openedAt + plan) plan = until - openedAt
      return openedAt + plan
    },
    // biome-ignore format: one table
    save: (offset) => [
      openedAt + offset, emptyAt + offset, previous + offset, limit, shut, length, plan, used,
      taken, number, tries, clean, patience, step, gap, streak,
      best, opening, judged, measured, trial, sooner, trying,
    ],
    load(saved, offset) {
      // biome-ignore format: one table
      [
        openedAt, emptyAt, previous, limit, shut, length, plan, used,
        taken, number, tries, clean, patience, step, gap, streak,
        best, opening, judged, measured, trial, sooner, trying,
      ] = saved
      openedAt += offset
      emptyAt += offset
      previous += offset
    },
  }

  /** The window before is over: what did it tell? */
  function judge(): void {
    judged = true
    if (!measured) {
      // Answers that came after the refusal count too.
      if (taken) limit = lowered()
      measured = true
      failed()
    } else if (used >= limit && ++clean >= patience) {
      // Gently upwards, and faster as long as that goes well.
      if (trial && step > 2) step--
      trial = true
      clean = 0
      if (sooner || limit < SMALL) shut = length * 0.75
      else limit += Math.max(1, limit >> step)
    }
  }

  /** What was accepted until the refusal; where that was most of a known limit, calls may have come in bunches: then it falls by a quarter at most. */
  function lowered(): number {
    return length && taken > best / 2 ? Math.max(taken, Math.floor(best * 0.75)) : Math.max(1, taken)
  }

  function failed(): void {
    if (trial) patience = Math.min(Math.max(4, CALM / length), patience * 2)
    if (trial) sooner = !sooner
    trial = false
    step = 5
    clean = 0
  }
}

function nextStep(elapsed: number): number {
  const next = STEPS.find((step) => step > elapsed * 1.02 + 50) ?? elapsed + (STEPS.at(-1) as number)
  return next * (1 + Math.random() * 0.02)
}
