import { picked } from './check.ts'
import { LatchkeyError } from './errors.ts'
import type { ClientEvent, OnEvent } from './events.ts'
import { type Clock, createClock } from './http/clock.ts'
import type { CreateOptions } from './options.ts'
import { type Budget, createBudget } from './retry/budget.ts'
import type { ScopesOptions } from './throttle/steps.ts'
import type { Fetch, Limiter } from './types.ts'

/** What the clients of one family share. */
export interface Shared {
  readonly transport: Fetch | undefined
  readonly limiter: Limiter
  readonly onEvent: OnEvent | undefined
  clockOf(origin: string): Clock
  budgetOf(scope: string): Budget
  nextId(): number
  /** False from the second time on. */
  firstTime(what: string): boolean
}

// One count for all clients: what listens to several tells their requests apart.
let lastId = 0

/** Limiter, clocks and retry budgets: made once, shared by everything that extends a client. */
export function createShared(options: CreateOptions, limiterOf: (options: ScopesOptions) => Limiter): Shared {
  const clocks = new Map<string, Clock>()
  const warned = new Set<string>()
  const budgets = new Map<string, Budget>()
  return {
    transport: options.fetch,
    limiter: options.limiter ?? limiterOf(picked(options, (name) => name === 'limits' || name === 'quota')),
    onEvent: harmless(options.onEvent),
    clockOf: (origin) => kept(clocks, origin, createClock),
    budgetOf: (scope) => kept(budgets, scope, createBudget),
    nextId: () => ++lastId,
    firstTime: (what) => warned.size < MOST && warned.size < warned.add(what).size,
  }
}

/** The same client with another transport or listener. */
export function extendShared(parent: Shared, options: CreateOptions): Shared {
  if (options.limits !== undefined || options.quota !== undefined)
    throw new LatchkeyError(
      'invalid_option',
      '`limits` and `quota` belong to `createClient`: clients that extend one another share their limiter.',
    )
  if (!options.fetch && !options.onEvent && !options.limiter) return parent
  return {
    ...parent,
    transport: options.fetch ?? parent.transport,
    onEvent: harmless(options.onEvent) ?? parent.onEvent,
    limiter: options.limiter ?? parent.limiter,
  }
}

/** Who only listens must not be able to break a request, nor end the process, also where it is async. */
function harmless(onEvent: ((event: ClientEvent) => unknown) | undefined): OnEvent | undefined {
  return (
    onEvent &&
    ((event) => {
      try {
        const heard = onEvent(event)
        if (heard instanceof Promise) heard.catch(() => {})
      } catch {}
    })
  )
}

// What was learned of a place may be forgotten: it is learned again. A client that meets thousands must not grow with them.
const MOST = 1000

function kept<T>(map: Map<string, T>, key: string, make: () => T): T {
  let value = map.get(key)
  if (value) return value
  if (map.size >= MOST) map.delete(map.keys().next().value as string)
  value = make()
  map.set(key, value)
  return value
}
