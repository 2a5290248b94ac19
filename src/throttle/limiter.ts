import type { Limiter } from '../types.ts'
import { createScopes } from './scopes.ts'
import type { Share } from './share.ts'
import { withLimits } from './states.ts'
import type { Scopes, ScopesOptions } from './steps.ts'

export interface LimiterOptions extends Omit<ScopesOptions, 'taught'> {
  /** Tells and hears what other processes or tabs meet. Default: nobody. */
  share?: Share
}

/** The limiter every client has: it holds calls back while the server would refuse them, and learns when that is. */
export function createLimiter(options: LimiterOptions = {}): Required<Limiter> {
  return withLimits(createSharedScopes(options))
}

/** Scopes that tell others what they meet, and hear of it. */
export function createSharedScopes({ share, ...options }: LimiterOptions): Scopes {
  const scopes = createScopes({
    ...options,
    ...(share && {
      taught(name, { gate }, readings) {
        const closedFor = gate.until - performance.now()
        const at = Date.now()
        if (readings.length || closedFor > 0)
          share.tell(name, { at, readings, ...(closedFor > 0 && { retryAt: at + closedFor, status: gate.status! }) })
      },
    }),
  })
  share?.hear((name, { at, retryAt, status, readings }) => {
    const scope = scopes.scopeOf(name)
    const now = performance.now()
    // A clock that was set back in between must not make the wait longer.
    const age = Math.max(0, Date.now() - at)
    if (readings) scope.ledger.read(readings, now, now - age)
    if (retryAt) scopes.close(scope, now + retryAt - at - age, status)
    scopes.wakeNext(scope)
  })
  return scopes
}
