import { LatchkeyError, RateLimitError } from '../errors.ts'
import type { LimitedCall } from '../types.ts'
import type { Hold, Scope } from './scope.ts'

/** The refusal of a call that would wait longer than its caller accepts; `since` is the `heldTime` of its arrival. */
export function tooLong(
  scope: Scope,
  call: LimitedCall,
  held: Hold,
  since: number,
  maxQueue: number,
): LatchkeyError | undefined {
  const now = performance.now()
  const { gate, queue } = scope
  const { reason, duration } = held
  if (reason === 'declared' && !Number.isFinite(duration))
    return new LatchkeyError(
      'invalid_option',
      `Not sent: \`cost\` is ${call.cost}, more than \`limits\` ever allow at once. Give it a lower cost, or declare the limit as it is.`,
    )
  const wait = Number.isFinite(duration) ? duration : 0
  if (reason !== 'queue') noteHeld(scope, wait > 0, now)
  // Who waits behind others waits for the limit that holds the first of them; for a free place anybody waits as long as it takes.
  const waited = heldTime(scope, now) - since
  const full = queue.length > maxQueue
  if (!full && wait + waited <= call.maxWait && now + wait <= call.deadlineAt) return undefined
  return new RateLimitError({
    retryAfter: wait || 1000,
    scope: call.scope,
    status: gate.status,
    policy: held.policy,
    reason: full ? `${maxQueue} calls wait already` : WHY[reason].replace('$', `${gate.status}`),
  })
}

const WHY: Record<Hold['reason'], string> = {
  gate: 'the server refuses more requests for now (status $)',
  probe: 'the server refused, and one request tries again',
  concurrency: 'as many requests as allowed are in flight',
  quota: "the server's quota is used up",
  declared: 'the declared limit is used up',
  pace: 'the server refused more in this time',
  queue: 'too many others wait for the same limit',
}

/** Milliseconds for which limits held this scope so far. */
export function heldTime({ heldFor, heldAt }: Scope, now: number): number {
  return heldFor + (heldAt && now - heldAt)
}

/** The first in the queue is held by a limit, or is not. */
export function noteHeld(scope: Scope, held: boolean, now: number): void {
  scope.heldFor = heldTime(scope, now)
  scope.heldAt = held ? now : 0
}
