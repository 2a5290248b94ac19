import { RateLimitError } from '../errors.ts'
import { classify, defaultRetry } from '../retry/classify.ts'
import { waitHint } from '../retry/hint.ts'
import type { LimitedCall, Limiter, LimitState, WaitReason } from '../types.ts'
import { closedUntil, createGate, type Gate } from './gate.ts'
import type { QuotaReading, ReadQuota } from './header-fields.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { createPace, type Pace } from './pace.ts'
import { createQueue, type Queue, type Waiter } from './queue.ts'

export interface LimiterOptions {
  limits?: 'none'
  readQuota?: ReadQuota
}

// Calls in flight to a scope of which nothing is known: until the first have come back, and until the server told more.
const COLD = 16
const WARM = 40
// What was learned of an idle scope may be forgotten once there are this many.
const MOST_SCOPES = 1000
const NEVER = Number.POSITIVE_INFINITY

/** Calls with one set of credentials to one origin: what a server limits. */
interface Scope {
  readonly gate: Gate
  readonly queue: Queue
  readonly flights: Set<Flight>
  readonly ledger: Ledger
  readonly pace: Pace
  /** A header or a refusal told of limits. */
  told: boolean
  /** Calls of this round that may be in flight, and are. Each closing begins a round, with one call that tries. */
  cap: number
  air: number
  round: number
  arrived: number
  /** Smoothed milliseconds from departure to answer. */
  trip: number
  cost: number
  /** The window that the last departure belongs to. */
  window: number
}

interface Flight {
  readonly epoch: number
  readonly round: number
  readonly window: number
  readonly cost: number
  readonly leftAt: number
  /** Nobody waits for it any longer, even if it was never heard of again. */
  readonly endsAt: number
}

interface Hold {
  readonly reason: WaitReason
  /** Milliseconds; Infinity ends when another call does. */
  readonly duration: number
}

/** The limiter every client has: it holds calls back while the server would refuse them, and learns when that is. */
export function createLimiter(options: LimiterOptions = {}): Limiter {
  const careful = options.limits !== 'none'
  const readQuota = options.readQuota ?? (() => [])
  const scopes = new Map<string, Scope>()
  let sweepAt = MOST_SCOPES

  return {
    async run(call, send) {
      const scope = scopes.get(call.scope) ?? created(call.scope)
      const free = !scope.queue.length && !hold(scope, undefined, call)
      const flight = free ? depart(scope, call) : await turn(scope, call)
      let told = false
      try {
        const response = await send()
        let readings = Number(response.headers.get('age')) > 0 ? [] : readQuota(response.headers, response.status, Date.now())
        if (readings instanceof Promise) readings = await readings
        told = readings.length > 0
        learn(scope, flight, response, readings)
        return response
      } finally {
        if (!told) scope.ledger.spend(flight.cost)
        land(scope, flight)
        wakeNext(scope)
      }
    },
    limits: () => [...scopes].map(([name, scope]) => stateOf(name, scope)),
  }

  function created(name: string): Scope {
    const scope: Scope = {
      gate: createGate(),
      queue: createQueue(),
      flights: new Set(),
      ledger: createLedger(),
      pace: createPace(),
      told: false,
      cap: careful ? COLD : NEVER,
      air: 0,
      round: 0,
      arrived: 0,
      trip: 0,
      cost: 0,
      window: 0,
    }
    if (scopes.size >= sweepAt) {
      const now = performance.now()
      for (const [other, { flights, queue, gate }] of scopes)
        if (!flights.size && !queue.length && gate.until <= now) scopes.delete(other)
      sweepAt = Math.max(MOST_SCOPES, scopes.size * 2)
    }
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
        const held = hold(scope, waiter, call)
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

  /** Why a call may not leave now. */
  function hold(scope: Scope, waiter: Waiter | undefined, call: LimitedCall): Hold | undefined {
    const now = performance.now()
    const { gate, queue, ledger, pace } = scope
    const cost = 1
    if (gate.until > now) return { reason: 'gate', duration: gate.until - now }
    if (queue.first(now) !== waiter) return { reason: 'queue', duration: NEVER }
    if (scope.air >= scope.cap) forgetLost(scope, now)
    if (scope.air >= scope.cap) return { reason: scope.cap > 1 ? 'concurrency' : 'probe', duration: NEVER }
    if (!careful) return undefined
    const quota = ledger.short(now, scope.cost, cost)
    if (quota) {
      if (quota.remaining < cost) begin(scope, 1)
      return { reason: 'quota', duration: quota.resetAt > now ? quota.resetAt - now : NEVER }
    }
    if (pace.left < cost && pace.opensAt > now) return { reason: 'pace', duration: pace.opensAt - now }
    return undefined
  }

  /** After a closing, so many may be in flight; more as they come back. */
  function begin(scope: Scope, cap: number): void {
    if (scope.cap === 1 && !scope.air) return
    scope.round++
    scope.air = 0
    scope.cap = careful || cap > 1 ? cap : 1
  }

  function depart(scope: Scope, call: LimitedCall): Flight {
    const now = performance.now()
    const { pace, flights, queue, gate } = scope
    const cost = 1
    const idle = !flights.size && !queue.length
    if (idle) {
      scope.ledger.rest(now)
      if (scope.cap > 1) scope.cap = Math.max(scope.cap, COLD)
    }
    const before = scope.window
    const window = scope.window = pace.depart(now, cost, idle)
    if (window !== before && pace.window && !idle && scope.cap > 1)
      begin(scope, spread(scope))
    const flight = { epoch: gate.epoch, round: scope.round, window, cost, leftAt: now, endsAt: now + call.timeout }
    flights.add(flight)
    scope.air++
    scope.cost += cost
    wakeNext(scope)
    return flight
  }

  function learn(scope: Scope, flight: Flight, response: Response, readings: readonly QuotaReading[]): void {
    const now = performance.now()
    const { status, headers } = response
    const { gate, ledger, pace } = scope
    ledger.read(readings, flight.leftAt, now)
    const counted = readings.some(({ remaining, unit }) => remaining !== undefined && unit === 'requests')
    scope.told ||= counted
    const verdict = classify(response, defaultRetry.statusCodes)
    let hint = status < 400 ? undefined : waitHint(headers)
    if (verdict === 'throttled' || (verdict === 'transient' && hint !== undefined)) {
      const exhausted = readings.filter(({ remaining }) => remaining === 0)
      hint ??= exhausted.reduce((longest, { resetAfter = 0 }) => Math.max(longest, resetAfter), 0) || undefined
      const fresh = flight.epoch === gate.epoch
      if (fresh) {
        gate.epoch++
        gate.refusals++
      }
      gate.status = status
      scope.told = true
      let until = hint === undefined && careful ? undefined : closedUntil(gate, hint ?? 0, now)
      if (careful && fresh && !exhausted.length && verdict === 'throttled') {
        const own = pace.refused(flight.window, now, until)
        until ??= own
      }
      gate.until = Math.max(gate.until, until ?? 0)
      if (fresh) begin(scope, 1)
      return
    }
    pace.accepted(flight.window, flight.cost)
    scope.trip += (now - flight.leftAt - scope.trip) / (scope.trip ? 8 : 1)
    if (flight.epoch === gate.epoch) gate.refusals = 0
    if (flight.round !== scope.round) return
    if (!scope.told) {
      if (++scope.arrived >= COLD) scope.cap = Math.max(scope.cap, WARM)
    } else scope.cap = counted && scope.cap === 1 ? COLD : scope.cap + 1
  }

  function wakeNext(scope: Scope): void {
    scope.queue.first(performance.now())?.wake()
  }
}

/** How many may begin a window at once: one, unless windows are so short that their calls would not come back within. */
function spread({ pace, trip }: Scope): number {
  const part = (4 * trip) / pace.window
  return pace.early && part < 0.5 ? 1 : Math.max(1, Math.ceil(pace.limit * part))
}

function land(scope: Scope, flight: Flight): void {
  if (!scope.flights.delete(flight)) return
  if (flight.round === scope.round) scope.air--
  scope.cost -= flight.cost
}

function refuseIfTooLong(scope: Scope, call: LimitedCall, held: Hold): void {
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
  for (const flight of scope.flights) if (flight.endsAt + 1000 < now) land(scope, flight)
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
