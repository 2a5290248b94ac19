import type { AuthStrategy } from '../types.ts'

const ids = new WeakMap<AuthStrategy, string>()
let next = 1

/** Quota scope: origin and identities. A strategy without a name gets an opaque one, never one made of its credentials. */
export function scopeOf(origin: string, strategies: readonly AuthStrategy[]): string {
  let scope = origin
  for (const strategy of strategies) scope += ` ${identityOf(strategy)}`
  return scope
}

function identityOf(strategy: AuthStrategy): string {
  if (strategy.identity) return strategy.identity
  if (!ids.has(strategy)) ids.set(strategy, `#${next++}`)
  return ids.get(strategy) as string
}

/** The words are fetch's own, which also asks the platform: `'high'`, `'low'`, and `'auto'` between. */
export function priorityOf({ priority }: { readonly priority?: unknown }): number {
  return priority === 'high' ? 1 : priority === 'low' ? -1 : 0
}
