import type { LatchkeyError } from '../errors.ts'
import { classify, defaultRetry } from '../retry/classify.ts'
import { waitHint, wholeWait } from '../retry/hint.ts'
import type { Awaitable, LimitedCall, WaitReason } from '../types.ts'
import { concurrentOf, createDeclared } from './declared.ts'
import { closedUntil } from './gate.ts'
import type { QuotaReading } from './header-fields.ts'
import { createQueue, type Waiter } from './queue.ts'
import { readQuotaAtSight } from './quota-at-sight.ts'
import {
  COLD,
  createScope,
  type Flight,
  forgetLost,
  forgettable,
  type Hold,
  land,
  type Scope,
  spread,
  WARM,
} from './scope.ts'
import type { Scopes, ScopesOptions } from './steps.ts'
import { heldTime, noteHeld, tooLong } from './told.ts'

// What was learned of an idle scope may be forgotten once there are this many.
const MOST_SCOPES = 1000
const NEVER = Number.POSITIVE_INFINITY

/** Holds calls back while the server would refuse them, and learns when that is. */
export function createScopes(options: ScopesOptions): Scopes {
  const { limits = [], quota = readQuotaAtSight, maxQueue = 100_000, taught } = options
  const careful = limits !== 'none'
  const declared = careful ? limits : []
  const concurrent = concurrentOf(declared)
  const scopes = new Map<string, Scope>()
  let sweepAt = MOST_SCOPES

  return {
    async run(call, send) {
      const scope = scopeOf(call.scope)
      const free = !scope.queue.length && !hold(scope, undefined, call)
      const flight = free ? depart(scope, call) : await turn(scope, call)
      let told = false
      try {
        const response = await send()
        let readings = read(response, call)
        if (readings instanceof Promise) readings = await readings
        told = readings.length > 0
        learn(scope, call, flight, response, readings)
        return response
      } finally {
        settle(scope, flight, told)
      }
    },
    scopeOf,
    hold,
    depart,
    read,
    learn,
    settle,
    refusal,
    close,
    wakeNext,
    declared,
    all: () => scopes,
  }

  function read({ headers, status }: Response, { peek }: LimitedCall): Awaitable<readonly QuotaReading[]> {
    // A reader that fails must not cost an answer.
    try {
      const readings = quota(headers, status, Date.now(), peek)
      return readings instanceof Promise ? readings.catch(() => []) : readings
    } catch {
      return []
    }
  }

  function settle(scope: Scope, flight: Flight, told: boolean): void {
    if (!told) scope.ledger.spend(flight.cost)
    land(scope, flight)
    wakeNext(scope)
  }

  function refusal(scope: Scope, call: LimitedCall, held: Hold, since: number): LatchkeyError | undefined {
    return tooLong(scope, call, held, since, maxQueue)
  }

  function scopeOf(name: string): Scope {
    let scope = scopes.get(name)
    if (scope) return scope
    if (scopes.size >= sweepAt) {
      const now = performance.now()
      for (const [other, idle] of scopes) if (forgettable(idle, now)) scopes.delete(other)
      sweepAt = Math.max(MOST_SCOPES, scopes.size * 2)
    }
    scope = createScope(createQueue(), createDeclared(declared), careful ? COLD : NEVER)
    scopes.set(name, scope)
    return scope
  }

  async function turn(scope: Scope, call: LimitedCall): Promise<Flight> {
    const lookedAt = performance.now()
    const since = heldTime(scope, lookedAt)
    const waiter: Waiter = { call, queued: false, lookedAt, wake: () => {} }
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
        const error = refusal(scope, call, held, since)
        if (error) throw error
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

  function hold(scope: Scope, waiter: Waiter | undefined, { cost = 1 }: LimitedCall): Hold | undefined {
    const now = performance.now()
    const { gate, queue, ledger, pace } = scope
    const until = (reason: WaitReason, at: number, more?: object) => ({
      reason,
      duration: at > now ? at - now : NEVER,
      ...more,
    })
    if (gate.until > now) return until('gate', gate.until)
    if (queue.first(now) !== waiter) return until('queue', 0)
    const full = () => scope.air >= scope.cap || scope.flights.size + scope.elsewhere >= concurrent
    const shortOf = () => (careful ? ledger.short(now, scope.inFlight, cost) : undefined)
    let short = shortOf()
    if (short || full()) {
      forgetLost(scope, now)
      short = shortOf()
    }
    if (full()) return until(scope.cap === 1 ? 'probe' : 'concurrency', 0)
    if (!careful) return undefined
    if (short) {
      // Used up, not only promised to others: whoever comes first after the reset asks how much there is now.
      if (short.remaining < cost) begin(scope, 1)
      return until('quota', short.resetAt, { policy: short.reading.policy })
    }
    const freeAt = scope.declared.freeAt(cost)
    if (freeAt > now) return until('declared', freeAt)
    if (pace.left < Math.min(cost, pace.limit) && pace.opensAt > now) return until('pace', pace.opensAt)
    return undefined
  }

  function depart(scope: Scope, call: LimitedCall, alone = !scope.queue.length): Flight {
    const now = performance.now()
    const { pace, flights, queue, gate, ledger } = scope
    const { cost = 1 } = call
    const idle = alone && !scope.elsewhere && !flights.size
    if (idle) {
      ledger.rest(now)
      if (scope.cap > 1) scope.cap = Math.max(scope.cap, COLD)
    }
    const before = scope.window
    const window = pace.depart(now, cost, idle)
    scope.window = window
    if (window !== before && pace.window && !idle && scope.cap > 1) begin(scope, spread(scope))
    scope.declared.depart(now, cost)
    const flight = { epoch: gate.epoch, round: scope.round, window, cost, leftAt: now, endsAt: now + call.timeout }
    flights.add(flight)
    scope.air++
    scope.inFlight += cost
    if (!queue.length) noteHeld(scope, false, now)
    wakeNext(scope)
    return flight
  }

  function learn(
    scope: Scope,
    call: LimitedCall,
    flight: Flight,
    response: Response,
    readings: readonly QuotaReading[],
  ) {
    const now = performance.now()
    const { status, headers } = response
    const { gate, ledger, pace } = scope
    const counted = readings.some(({ remaining, unit }) => remaining !== undefined && unit === 'requests')
    ledger.read(readings, flight.leftAt, now)
    scope.told ||= counted

    const refusal = call.refused?.()
    let hint = refusal || (status < 400 ? undefined : waitHint(headers))
    // Whether anybody tries again or not: who says 429 means all calls of the scope.
    const verdict = status === 429 || refusal !== undefined ? 'throttled' : classify(response, defaultRetry.statusCodes)
    const fresh = flight.epoch === gate.epoch
    if (verdict === 'throttled' || (verdict === 'transient' && hint !== undefined)) {
      const exhausted = readings.filter(({ remaining }) => remaining === 0)
      // A refusal that does not count but names an instant means that one.
      const meant = exhausted.length ? exhausted : readings.filter(({ remaining }) => remaining === undefined)
      hint = wholeWait((hint ?? Math.max(...meant.map(({ resetAfter = 0 }) => resetAfter), 0)) || undefined)
      if (fresh) gate.refusals++
      let until = hint === undefined && careful ? undefined : closedUntil(gate, hint ?? 0, now)
      if (careful && fresh && !exhausted.length && verdict === 'throttled') {
        const own = pace.refused(flight.window, now, until)
        until ??= own
      }
      close(scope, until ?? 0, status, fresh)
    } else {
      pace.accepted(flight.window, flight.cost)
      scope.trip += (now - flight.leftAt - scope.trip) / (scope.trip ? 8 : 1)
      if (fresh) gate.refusals = 0
      if (flight.round === scope.round) grow(scope, counted)
    }
    taught?.(call.scope, scope, readings)
  }

  /** Twenty calls refused by one limit are one refusal: only the first of those that left since begins a new round. */
  function close(scope: Scope, until: number, status: number | undefined, fresh = until > scope.gate.until): void {
    const { gate } = scope
    if (fresh) gate.epoch++
    gate.until = Math.max(gate.until, until)
    gate.status = status
    scope.told = true
    if (fresh) begin(scope, 1)
  }

  /** From here on, so many may be in flight; more as they come back. */
  function begin(scope: Scope, cap: number): void {
    if (scope.cap === 1 && !scope.air) return
    scope.round++
    scope.air = 0
    scope.cap = cap
  }

  function grow(scope: Scope, counted: boolean): void {
    if (scope.told) scope.cap = counted ? Math.max(scope.cap + 1, WARM) : scope.cap + 1
    else if (++scope.arrived >= COLD) scope.cap = Math.max(scope.cap, WARM)
  }

  function wakeNext(scope: Scope): void {
    if (scope.queue.length) scope.queue.first(performance.now())?.wake()
  }
}
