import { positiveJitter } from '../retry/backoff.ts'

// Without a word from the server, the first refusal closes the gate for about this long, and each further one for twice as long.
const FIRST = 1000
const LONGEST = 60_000

/** Closed by a refusal, opened by one probe. All instants are readings of `performance.now()`. */
export interface Gate {
  /** Nothing leaves before. */
  readonly until: number
  /** Closed, and no call has got through since. */
  readonly recovering: boolean
  /** Counts the closings: a call that left before the last one tells nothing new. */
  readonly epoch: number
  /** The status that closed it. */
  readonly status: number | undefined
  close(refusal: { hint: number | undefined; status: number; epoch: number; now: number }): void
  open(): void
}

export function createGate(): Gate {
  let refusals = 0
  const gate = { until: 0, recovering: false, epoch: 0, status: undefined as number | undefined, close, open }
  return gate

  function close(refusal: Parameters<Gate['close']>[0]): void {
    const { hint, now } = refusal
    // Twenty calls refused by one limit are one refusal.
    if (refusal.epoch === gate.epoch) {
      refusals++
      gate.epoch++
    }
    const own = Math.min(LONGEST, FIRST * 2 ** (refusals - 1)) * (0.75 + Math.random() / 2)
    // What the server says is the least; our own delay grows when that was not enough, and when it said 0.
    const wait =
      hint && refusals < 2 ? hint + positiveJitter(hint) : Math.max(own, (hint ?? 0) + positiveJitter(hint ?? 0))
    gate.until = Math.max(gate.until, now + wait)
    gate.recovering = true
    gate.status = refusal.status
  }

  function open(): void {
    refusals = 0
    gate.recovering = false
  }
}
