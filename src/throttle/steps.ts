import type { LatchkeyError } from '../errors.ts'
import type { Awaitable, LimitedCall, Limiter } from '../types.ts'
import type { Limit } from './declared.ts'
import type { QuotaReading, ReadQuota } from './header-fields.ts'
import type { Waiter } from './queue.ts'
import type { Flight, Hold, Scope } from './scope.ts'

export interface ScopesOptions {
  /** What is known of the limits of one set of credentials; `'none'`: there are none, so only a refusal holds calls back. Default: learned. */
  limits?: readonly Limit[] | 'none'
  /** Reads what answers say of quotas. Default: the common header fields. */
  quota?: ReadQuota
  /** Most calls of one scope that wait; one more is refused at once. Default 100 000. */
  maxQueue?: number
  /** Hears of each answer, once something was learned from it. */
  taught?: (name: string, scope: Scope, readings: readonly QuotaReading[]) => void
}

/** The limiter and the steps it is made of, for those that share scopes. */
export interface Scopes extends Limiter {
  scopeOf(name: string): Scope
  /** Why a call may not leave now. */
  hold(scope: Scope, waiter: Waiter | undefined, call: LimitedCall): Hold | undefined
  /** `alone`: nobody has waited, neither this one nor another. */
  depart(scope: Scope, call: LimitedCall, alone?: boolean): Flight
  read(response: Response, call: LimitedCall): Awaitable<readonly QuotaReading[]>
  learn(scope: Scope, call: LimitedCall, flight: Flight, response: Response, readings: readonly QuotaReading[]): void
  /** It is back, or will never be. */
  settle(scope: Scope, flight: Flight, told: boolean): void
  /** Set where the call would wait longer than its caller accepts. */
  refusal(scope: Scope, call: LimitedCall, held: Hold, since: number): LatchkeyError | undefined
  /** Nothing leaves before `until`, a reading of `performance.now()`. */
  close(scope: Scope, until: number, status: number | undefined): void
  wakeNext(scope: Scope): void
  readonly declared: readonly Limit[]
  all(): Iterable<[name: string, scope: Scope]>
}
