import { wholeWait } from '../retry/hint.ts'
import type { QuotaReading } from './header-fields.ts'

// What is left of each quota, by the answers' own words. All instants are readings of `performance.now()`.

// Whole seconds are roundings: two answers that name instants this close mean the same one.
const ROUNDING = 1000
// For quotas that do not say when there will be more.
const SOON = 1000
// Servers that name a quota anew with each answer must not make a scope grow.
const MOST_QUOTAS = 100

export interface Quota {
  reading: QuotaReading
  remaining: number
  resetAt: number
  /** Calls that left before this tell of the window before. */
  since: number
  /** When the last call left that told. */
  toldBy: number
}

export interface Ledger {
  readonly quotas: ReadonlyMap<string, Quota>
  /** An answer told; `leftAt` is when its call left. */
  read(readings: readonly QuotaReading[], leftAt: number, now: number): void
  /** An answer came that told nothing: its call may have counted. */
  spend(cost: number): void
  /** The quota for which a call must wait, the one with the longest wait. */
  short(now: number, inFlight: number, cost: number): Quota | undefined
  /** Nobody is there: what was left of windows long over says nothing any more. */
  rest(now: number): void
}

export function createLedger(): Ledger {
  const quotas = new Map<string, Quota>()
  return { quotas, read, spend, short, rest }

  function read(readings: readonly QuotaReading[], leftAt: number, now: number): void {
    for (const reading of readings) {
      const { remaining = -1, resetAfter: told = reading.window } = reading
      if (!(remaining >= 0)) continue
      const resetAfter = wholeWait((told as number) >= 0 ? told : SOON) as number
      const name = `${reading.policy} ${reading.partition ?? ''} ${reading.unit}`
      const known = quotas.get(name)
      const resetAt = now + resetAfter
      const toldBy = Math.max(leftAt, known?.toldBy ?? 0)
      if (!known || leftAt >= known.resetAt || (leftAt >= toldBy && resetAt > known.resetAt + ROUNDING)) {
        if (!known && quotas.size >= MOST_QUOTAS) forget(now)
        quotas.set(name, { reading, remaining, resetAt, since: known ? Math.min(known.resetAt, leftAt) : 0, toldBy })
      } else if (remaining <= known.remaining && leftAt >= known.since) {
        known.reading = reading
        known.remaining = remaining
        known.toldBy = toldBy
        const rounded = resetAfter % 1000 === 0
        known.resetAt = rounded ? Math.min(known.resetAt, resetAt) : resetAt
      }
    }
  }

  /** Never one that is used up: it would be open early. */
  function forget(now: number): void {
    for (const [name, { remaining, resetAt }] of quotas) if (remaining > 0 || now >= resetAt) quotas.delete(name)
  }

  function spend(cost: number): void {
    for (const quota of quotas.values()) if (quota.reading.unit === 'requests') quota.remaining -= cost
  }

  function short(now: number, inFlight: number, cost: number): Quota | undefined {
    let longest: Quota | undefined
    for (const quota of quotas.values()) {
      const { reading, remaining, resetAt } = quota
      const counted = reading.unit === 'requests'
      const over = now >= resetAt
      // From then on there is more, nobody knows how much: one call asks.
      const left = counted ? (over ? Math.max(1, remaining) : remaining) - inFlight : over ? 1 : remaining
      if (
        left < Math.min(cost, reading.limit ?? cost) &&
        !(over && !inFlight) &&
        !(longest && longest.resetAt > resetAt)
      )
        longest = quota
    }
    return longest
  }

  function rest(now: number): void {
    for (const quota of quotas.values()) {
      const { limit = Number.POSITIVE_INFINITY, window = SOON } = quota.reading
      if (now >= quota.resetAt + window) quota.remaining = limit
    }
  }
}
