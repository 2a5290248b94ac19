import type { Gate } from '../gate.ts'
import type { Quota } from '../ledger.ts'
import type { Learned } from '../pace.ts'
import type { Scope } from '../scope.ts'

// A scope as text: what several processes know together. Queue and flights stay with each of them.

/** Counts up with each change of what is saved: who writes it otherwise, e.g. while a fleet is renewed, has keys of his own. */
export const FORMAT = 1

/** Milliseconds from one sign of life to the next of a process that has calls in flight. */
export const BEAT = 1000
// After so many without one it is dead, and nobody counts its calls any longer.
const MISSED = 3

/** The calls that one process has in flight. */
interface Member {
  readonly round: number
  readonly air: number
  readonly flights: number
  readonly cost: number
  /** It may have died: nobody counts them after this. */
  readonly endsAt: number
}

interface Saved {
  readonly gate: Gate
  readonly quotas: readonly (readonly [string, Quota])[]
  readonly pace: Learned
  readonly declared: readonly (readonly number[])[]
  readonly counts: Pick<Scope, 'told' | 'cap' | 'round' | 'arrived' | 'window' | 'trip'>
  readonly members: Readonly<Record<string, Member>>
}

export type Members = Saved['members']

/** `offset` is what the common clock is ahead of `performance.now()`. */
export function save(scope: Scope, offset: number, me: string, others: Members): string {
  const { gate, ledger, pace, declared, flights, told, cap, round, arrived, window, trip } = scope
  const mine: Member = {
    round,
    air: countOf(scope, round),
    flights: flights.size,
    cost: costOf(scope),
    endsAt: aliveUntil(scope, offset),
  }
  const saved: Saved = {
    gate: { ...gate, until: gate.until + offset },
    quotas: [...ledger.quotas].map(([name, quota]) => [name, moved(quota, offset)]),
    pace: pace.save(offset),
    declared: declared.save(performance.now(), offset),
    counts: { told, cap, round, arrived, window, trip },
    members: flights.size ? { ...others, [me]: mine } : others,
  }
  // Infinity is no JSON, and nothing else here is null.
  return JSON.stringify(saved, (_, value) => (typeof value === 'number' ? rounded(value) : value))
}

/** Puts into the scope what stands in the text; gives who else has calls in flight. */
export function load(text: string, scope: Scope, offset: number, me: string): Members {
  const saved = JSON.parse(text, (_, value) => (value === null ? Number.POSITIVE_INFINITY : value)) as Saved
  const quotas = scope.ledger.quotas as Map<string, Quota>
  quotas.clear()
  for (const [name, quota] of saved.quotas) quotas.set(name, moved(quota, -offset))
  scope.gate.status = undefined
  Object.assign(scope.gate, saved.gate, { until: saved.gate.until - offset })
  scope.pace.load(saved.pace, -offset)
  scope.declared.load(saved.declared, -offset)
  Object.assign(scope, saved.counts)
  const { [me]: _, ...others } = saved.members
  return counted(scope, offset, others)
}

/** Counts our flights and those of the others, as far as they are alive; gives who is. */
export function counted(scope: Scope, offset: number, others: Members): Members {
  const now = performance.now() + offset
  const alive = Object.entries(others).filter(([, { endsAt }]) => endsAt > now)
  const sum = (part: (member: Member) => number) => alive.reduce((total, [, member]) => total + part(member), 0)
  scope.air = countOf(scope, scope.round) + sum(({ round, air }) => (round === scope.round ? air : 0))
  scope.inFlight = costOf(scope) + sum(({ cost }) => cost)
  scope.elsewhere = sum(({ flights }) => flights)
  return Object.fromEntries(alive)
}

/** The same until the next beat, so that a look changes nothing. */
function aliveUntil({ flights }: Scope, offset: number): number {
  const last = Math.max(0, ...[...flights].map(({ endsAt }) => endsAt + 1000))
  const beats = Math.floor((performance.now() + offset) / BEAT)
  return Math.min(last + offset, (beats + 1 + MISSED) * BEAT)
}

function countOf({ flights }: Scope, round: number): number {
  return [...flights].filter((flight) => flight.round === round).length
}

function costOf({ flights }: Scope): number {
  return [...flights].reduce((sum, { cost }) => sum + cost, 0)
}

function moved(quota: Quota, offset: number): Quota {
  const { resetAt, since, toldBy } = quota
  return { ...quota, resetAt: resetAt + offset, since: since + offset, toldBy: toldBy + offset }
}

function rounded(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : null
}
