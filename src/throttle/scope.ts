import type { WaitReason } from '../types.ts'
import type { Declared } from './declared.ts'
import { createGate, type Gate } from './gate.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { createPace, type Pace } from './pace.ts'
import type { Queue } from './queue.ts'

// Calls in flight to a scope of which nothing is known: until the first have come back, and until the server told more.
export const COLD = 16
export const WARM = 40

/** Calls with one set of credentials to one origin: what a server limits. */
export interface Scope {
  readonly gate: Gate
  readonly queue: Queue
  readonly ledger: Ledger
  readonly pace: Pace
  readonly declared: Declared
  readonly flights: Set<Flight>
  /** What all calls in flight cost together. */
  inFlight: number
  /** How many of them are not ours: where several share the scope. */
  elsewhere: number
  /** A header or a refusal told of limits. */
  told: boolean
  /** Calls of this round that may be in flight, and that are. Each closing begins a round with one call, which asks. */
  cap: number
  air: number
  round: number
  /** Answers, as long as nothing is known. */
  arrived: number
  /** The pace's window of the last departure. */
  window: number
  /** Milliseconds from departure to answer, smoothed. */
  trip: number
  /** Milliseconds for which a limit held the first in the queue, and since when one does; 0 when none. */
  heldFor: number
  heldAt: number
}

/** A call on its way. */
export interface Flight {
  /** Closings of the gate before it: it tells nothing new after the next. */
  readonly epoch: number
  readonly round: number
  readonly window: number
  readonly cost: number
  readonly leftAt: number
  /** Nobody waits for it any longer, even if it was never heard of again. */
  readonly endsAt: number
}

/** Why a call may not leave now. A duration of Infinity ends when another call does. */
export interface Hold {
  readonly reason: WaitReason
  readonly duration: number
  /** The quota that is used up. */
  readonly policy?: string
}

export function createScope(queue: Queue, declared: Declared, cap: number): Scope {
  return {
    gate: createGate(),
    queue,
    ledger: createLedger(),
    pace: createPace(),
    declared,
    flights: new Set(),
    inFlight: 0,
    elsewhere: 0,
    told: false,
    cap,
    air: 0,
    round: 0,
    arrived: 0,
    window: 0,
    trip: 0,
    heldFor: 0,
    heldAt: 0,
  }
}

/** How many may begin a window at once: one, unless windows are so short that their calls would not come back within. */
export function spread({ pace, trip }: Scope): number {
  const part = (4 * trip) / pace.window
  return pace.early && part < 0.5 ? 1 : Math.max(1, Math.ceil(pace.limit * part))
}

export function land(scope: Scope, flight: Flight): void {
  if (!scope.flights.delete(flight)) return
  if (flight.round === scope.round) scope.air--
  // What is not whole leaves a rest.
  scope.inFlight = scope.flights.size || scope.elsewhere ? scope.inFlight - flight.cost : 0
}

/** Nothing is under way, and nothing holds calls back: one that is closed would open early. */
export function forgettable({ flights, queue, gate, ledger, declared }: Scope, now: number): boolean {
  return (
    !flights.size &&
    !queue.length &&
    gate.until <= now &&
    !ledger.short(now, 0, 1) &&
    !declared.save(now, 0).flat().length
  )
}

export function forgetLost(scope: Scope, now: number): void {
  for (const flight of scope.flights) if (flight.endsAt + 1000 < now) land(scope, flight)
}
