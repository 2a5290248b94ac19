import { RateLimitError } from '../errors.ts'
import { classify, defaultRetry } from '../retry/classify.ts'
import { waitHint } from '../retry/hint.ts'
import type { LimitedCall, Limiter, LimitState, WaitReason } from '../types.ts'
import { createGate, type Gate } from './gate.ts'
import { createQueue, type Queue, type Waiter } from './queue.ts'

export interface LimiterOptions {
  /** Most calls of one scope in flight, from departure to the head of the answer. Default: no bound. */
  concurrency?: number
  /** Milliseconds between departures while a scope recovers from a refusal. Default 50. */
  spacing?: number
}

// What was learned of an idle scope may be forgotten once there are this many.
const MOST_SCOPES = 1000

/** Calls with one set of credentials to one origin: what a server limits. */
interface Scope {
  readonly gate: Gate
  readonly queue: Queue
  readonly flights: Set<Flight>
  /** The call that tries out whether the gate may open. */
  probe: Flight | undefined
  /** After the gate opened, those who waited leave one by one: the next not before this instant. */
  spreading: boolean
  nextAt: number
}

interface Flight {
  readonly epoch: number
  /** Nobody waits for it any longer, even if it was never heard of again. */
  readonly endsAt: number
}

/** The limiter every client has: a gate per scope that holds back all calls after one was refused, and a bound on concurrency. */
export function createLimiter(options: LimiterOptions = {}): Limiter {
  const { concurrency = Number.POSITIVE_INFINITY, spacing = 50 } = options
  const scopes = new Map<string, Scope>()

  return {
    async run(call, send) {
      const scope = scopes.get(call.scope) ?? created(call.scope)
      const free = !scope.queue.length && !hold(scope, undefined)
      const flight = free ? depart(scope, call) : await turn(scope, call)
      try {
        const response = await send()
        learn(scope, flight, response)
        return response
      } finally {
        arrive(scope, flight)
      }
    },
    limits: () => [...scopes].map(([name, scope]) => stateOf(name, scope)),
  }

  function created(name: string): Scope {
    const scope: Scope = {
      gate: createGate(),
      queue: createQueue(),
      flights: new Set(),
      probe: undefined,
      spreading: false,
      nextAt: 0,
    }
    if (scopes.size >= MOST_SCOPES)
      for (const [other, { flights, queue }] of scopes) if (!flights.size && !queue.length) scopes.delete(other)
    scopes.set(name, scope)
    return scope
  }

  async function turn(scope: Scope, call: LimitedCall): Promise<Flight> {
    const waiter: Waiter = { call, lookedAt: performance.now(), wake: () => {} }
    let told: WaitReason | undefined
    try {
      for (;;) {
        call.signal.throwIfAborted()
        waiter.lookedAt = performance.now()
        scope.queue.add(waiter)
        const held = hold(scope, waiter)
        if (!held) {
          scope.queue.remove(waiter)
          return depart(scope, call)
        }
        refuseIfTooLong(scope, call, held)
        if (told !== held.reason) call.waiting(held.reason, held.duration)
        told = held.reason
        await scope.queue.sleep(waiter, held.duration)
      }
    } catch (error) {
      scope.queue.remove(waiter)
      wakeNext(scope)
      throw error
    }
  }

  /** Why a call may not leave now. A duration of Infinity ends when another call does. */
  function hold(scope: Scope, waiter: Waiter | undefined): { reason: WaitReason; duration: number } | undefined {
    const now = performance.now()
    if (scope.gate.until > now) return { reason: 'gate', duration: scope.gate.until - now }
    const busy = scope.probe || scope.flights.size >= concurrency
    if (busy) forgetLost(scope, now)
    if (scope.probe) return { reason: 'probe', duration: Number.POSITIVE_INFINITY }
    const full = scope.flights.size >= concurrency
    if (full || scope.queue.first(now) !== waiter)
      return { reason: full ? 'concurrency' : 'spacing', duration: Number.POSITIVE_INFINITY }
    if (scope.nextAt > now) return { reason: 'spacing', duration: scope.nextAt - now }
    return undefined
  }

  function depart(scope: Scope, call: LimitedCall): Flight {
    const now = performance.now()
    const flight = { epoch: scope.gate.epoch, endsAt: now + call.timeout }
    scope.flights.add(flight)
    if (scope.gate.recovering) scope.probe = flight
    if (scope.gate.recovering || scope.spreading) scope.nextAt = now + spacing
    scope.spreading &&= scope.queue.length > 0
    wakeNext(scope)
    return flight
  }

  function learn(scope: Scope, flight: Flight, response: Response): void {
    const { status, headers } = response
    const hint = status < 400 ? undefined : waitHint(headers)
    const verdict = classify(response, defaultRetry.statusCodes)
    if (verdict === 'throttled' || (verdict === 'transient' && hint !== undefined))
      scope.gate.close({ hint, status, epoch: flight.epoch, now: performance.now() })
    else if (flight.epoch === scope.gate.epoch) {
      scope.spreading ||= scope.gate.recovering
      scope.gate.open()
    }
  }

  function arrive(scope: Scope, flight: Flight): void {
    scope.flights.delete(flight)
    if (scope.probe === flight) scope.probe = undefined
    wakeNext(scope)
  }

  function wakeNext(scope: Scope): void {
    scope.queue.first(performance.now())?.wake()
  }
}

function refuseIfTooLong(scope: Scope, call: LimitedCall, held: { reason: WaitReason; duration: number }): void {
  const left = Math.min(call.maxWait, call.deadlineAt - performance.now())
  if (Number.isFinite(held.duration) && held.duration > left)
    throw new RateLimitError({
      retryAfter: held.duration,
      scope: call.scope,
      status: scope.gate.status,
      reason: `the server refuses more requests for now (status ${scope.gate.status})`,
    })
}

function forgetLost(scope: Scope, now: number): void {
  for (const flight of scope.flights) {
    if (flight.endsAt + 1000 > now) continue
    scope.flights.delete(flight)
    if (scope.probe === flight) scope.probe = undefined
  }
}

function stateOf(name: string, scope: Scope): LimitState {
  const left = scope.gate.until - performance.now()
  return {
    scope: name,
    inFlight: scope.flights.size,
    waiting: scope.queue.length,
    ...(left > 0 && { retryAt: Date.now() + left }),
  }
}
