/** A limit that the user knows: so many requests in any such time, in milliseconds, or so many in flight. */
export type Limit = { readonly requests: number; readonly per: number } | { readonly concurrent: number }

/** Keeps what was declared: no time of that length sees more departures. All instants are readings of `performance.now()`. */
export interface Declared {
  /** When a call of this cost may leave; Infinity where it never fits. */
  freeAt(cost: number): number
  depart(now: number, cost: number): void
  /** The departures that count, and to go on from there; instants moved by `offset`. */
  save(now: number, offset: number): readonly (readonly number[])[]
  load(saved: readonly (readonly number[])[], offset: number): void
}

export function createDeclared(limits: readonly Limit[]): Declared {
  const rates = limits.flatMap((limit) => ('per' in limit ? { ...limit, left: [] as number[], next: 0 } : []))
  return {
    freeAt(cost) {
      let at = 0
      for (const { requests, per, left, next } of rates) {
        if (cost > requests) return Number.POSITIVE_INFINITY
        if (!cost) continue
        // The departure that this one replaces, so many before.
        const replaced = left[(next + Math.ceil(cost) - 1) % requests]
        if (replaced !== undefined) at = Math.max(at, replaced + per)
      }
      return at
    },
    depart(now, cost) {
      for (const rate of rates)
        for (let i = cost; i > 0; i--) {
          rate.left[rate.next] = now
          rate.next = (rate.next + 1) % rate.requests
        }
    },
    save: (now, offset) =>
      rates.map(({ left, next, per }) =>
        // From the oldest.
        [...left.slice(next), ...left.slice(0, next)].filter((at) => at + per > now).map((at) => at + offset),
      ),
    load(saved, offset) {
      for (const [place, rate] of rates.entries()) {
        rate.left = (saved[place] ?? []).slice(-rate.requests).map((at) => at + offset)
        rate.next = rate.left.length % rate.requests
      }
    },
  }
}

/** The fewest that may be in flight. */
export function concurrentOf(limits: readonly Limit[]): number {
  return Math.min(...limits.map((limit) => ('concurrent' in limit ? limit.concurrent : Number.POSITIVE_INFINITY)))
}
