import { positiveJitter } from '../retry/backoff.ts'

// A server that says "now" and refuses again gets more time with each refusal.
const FIRST = 300
const LONGEST = 60_000

/** Closed by a refusal, opened by one probe. All instants are readings of `performance.now()`. */
export interface Gate {
  /** Nothing leaves before. */
  until: number
  /** Counts the closings: a call that left before the last one tells nothing new. */
  epoch: number
  /** The status that closed it. */
  status: number | undefined
  /** Refusals since a call got through; twenty calls refused by one limit are one refusal. */
  refusals: number
}

export function createGate(): Gate {
  return { until: 0, epoch: 0, status: undefined, refusals: 0 }
}

/** What the server says is the least; our own delay grows when that was not enough, and when it said 0. */
export function closedUntil(gate: Gate, hint: number, now: number): number {
  const asked = hint + positiveJitter(hint)
  if (hint && gate.refusals < 2) return now + asked
  const own = Math.min(LONGEST, FIRST * 2 ** (gate.refusals - 1)) * (0.75 + Math.random() / 2)
  return now + Math.max(own, asked)
}
