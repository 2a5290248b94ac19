import type { Limiter, LimitState } from '../types.ts'
import type { Limit } from './declared.ts'
import type { Scope } from './scope.ts'
import type { Scopes } from './steps.ts'

/** A limiter that tells what it knows. */
export function withLimits(scopes: Scopes): Required<Limiter> {
  return { run: scopes.run, limits: () => limitsOf(scopes) }
}

/** What is known of each scope. */
export function limitsOf({ all, declared }: Pick<Scopes, 'all' | 'declared'>): LimitState[] {
  return [...all()].flatMap(([name, scope]) => statesOf(name, scope, declared))
}

/** One state for each policy of a scope; one without a policy where none is known. */
function statesOf(name: string, scope: Scope, limits: readonly Limit[]): LimitState[] {
  const now = performance.now()
  const instant = (at: number) => Date.now() + at - now
  const { gate, ledger, pace, flights, queue } = scope
  const state = {
    scope: name,
    inFlight: flights.size,
    waiting: queue.length,
    ...(gate.until > now && { retryAt: instant(gate.until) }),
  }
  const states: LimitState[] = [...ledger.quotas.values()].map(({ reading, remaining, resetAt }) => {
    const { policy, partition, unit, limit, source } = reading
    return {
      ...state,
      policy,
      ...(partition !== undefined && { partition }),
      unit,
      ...(limit !== undefined && { limit }),
      remaining: Math.max(0, remaining),
      resetAt: instant(resetAt),
      source,
    }
  })
  if (Number.isFinite(pace.limit))
    states.push({
      ...state,
      policy: 'learned',
      unit: 'requests',
      limit: pace.limit,
      remaining: pace.left,
      resetAt: instant(pace.opensAt),
      window: pace.window,
      source: 'learned',
    })
  for (const limit of limits)
    states.push({
      ...state,
      policy: 'declared',
      ...('per' in limit
        ? { unit: 'requests', limit: limit.requests, window: limit.per }
        : { unit: 'concurrent-requests', limit: limit.concurrent }),
      source: 'declared',
    })
  return states.length ? states : [state]
}
