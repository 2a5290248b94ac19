import { base64url, utf8 } from '../../crypto/bytes.ts'
import { createMac, digest } from '../../crypto/hash.ts'
import { LatchkeyError } from '../../errors.ts'
import { reveal, type Secret } from '../../secret.ts'
import type { LimitedCall, Limiter, RedisClient, WaitReason } from '../../types.ts'
import type { LimiterOptions } from '../limiter.ts'
import type { Waiter } from '../queue.ts'
import type { Flight, Hold, Scope } from '../scope.ts'
import { createScopes } from '../scopes.ts'
import { limitsOf } from '../states.ts'
import { heldTime } from '../told.ts'
import { createCell } from './cell.ts'
import { createFleetScope, type FleetScope } from './fleet-scope.ts'
import { FORMAT } from './saved.ts'

export type { RedisClient } from '../../types.ts'
export type { Limit } from '../declared.ts'

export interface RedisLimiterOptions extends Omit<LimiterOptions, 'share'> {
  /** A connected client of the `redis` package, or anything with the same `eval`. */
  client: RedisClient
  /** Whose credentials these are, the same in every process that uses them: a name that is no secret. */
  identity: string
  /** Known to the whole fleet and to nobody else: without it, who can read Redis can find out by trying which origin and identity a key is of. Default none. */
  secret?: Secret<string> | string
  /** What the keys begin with. Default `latchkey:limits:`. */
  prefix?: string
  /** Milliseconds to wait for Redis. Default 1000. After that, a process goes on alone, and asks again later. */
  timeout?: number
  /** Hears when Redis stops answering, and when it answers again. */
  onAway?: (away: boolean) => void
}

// Milliseconds until what nobody has changed is forgotten.
const LIFETIME = 3_600_000
// Nobody wakes us when a call of another process comes back: look again, soon at first.
const FIRST_LOOK = 10
const LONGEST_LOOK = 100

/**
 * A limiter whose gate, quota and learned rate are shared by all processes that use the same credentials, through Redis. While
 * Redis is away each process goes on alone. In Redis stand numbers and names of policies under a keyed hash.
 * @throws LatchkeyError `invalid_option`
 * @example
 * const limiter = redisLimiter({ client: await createClient({ url }).connect(), identity: 'billing' })
 * const api = createClient({ baseUrl, auth, limiter })
 */
export function redisLimiter(options: RedisLimiterOptions): Limiter {
  const { client, identity, secret, prefix = 'latchkey:limits:', timeout = 1000 } = options
  if (typeof client?.eval !== 'function') throw invalid('`client` must be a connected client of the `redis` package.')
  if (typeof identity !== 'string' || !identity) throw invalid('`identity` must name whose credentials these are.')
  if (!(timeout > 0)) throw invalid('`timeout` must be milliseconds, more than 0.')

  const scopes = createScopes(options)
  const fleets = new WeakMap<Scope, FleetScope>()
  const unnamed = new Map<string, string>()
  const me = crypto.randomUUID().slice(0, 8)
  const mac = keyOf(identity, secret).then((key) => createMac('sha256', key))
  mac.catch(() => {})

  return {
    async run(call, send) {
      const scope = scopes.scopeOf(call.scope)
      const fleet = fleetOf(scope, call)
      const flight = await turn(scope, fleet, call)
      let settle = () => scopes.settle(scope, flight, false)
      try {
        const response = await send()
        const readings = await scopes.read(response, call)
        settle = () => {
          scopes.learn(scope, call, flight, response, readings)
          scopes.settle(scope, flight, readings.length > 0)
        }
        return response
      } finally {
        // Not left to later: a process that ends now would hold up the others with calls it seems to have in flight.
        await fleet.step(settle)
      }
    },
    limits: () => limitsOf(scopes),
  }

  /** Who only listens must not be able to break a request. */
  function tellAway(away: boolean): void {
    try {
      options.onAway?.(away)
    } catch {}
  }

  function fleetOf(scope: Scope, call: LimitedCall): FleetScope {
    let fleet = fleets.get(scope)
    if (fleet) return fleet
    const name = commonName(call.scope)
    const cell = mac
      .then((sign) => sign(utf8(name)))
      .then((bytes) => createCell(client, prefix + base64url(bytes), { timeout, lifetime: LIFETIME }))
    cell.catch(() => {})
    fleet = createFleetScope(scope, cell, me, tellAway)
    fleets.set(scope, fleet)
    return fleet
  }

  /** The name of a scope for everybody: what stands for a strategy without a name is another in each process. */
  function commonName(scope: string): string {
    const [origin = '', ...identities] = scope.split(' ')
    const own = identities.filter((name) => /^#\d+$/.test(name)).join(' ')
    if (own && (unnamed.get(origin) ?? own) !== own)
      throw invalid(
        '`redisLimiter` shares one set of credentials, and there are two. Give each strategy an `identity`.',
      )
    if (own) unnamed.set(origin, own)
    return [origin, ...identities.filter((name) => !/^#\d+$/.test(name))].join(' ')
  }

  async function turn(scope: Scope, fleet: FleetScope, call: LimitedCall): Promise<Flight> {
    const lookedAt = performance.now()
    const since = heldTime(scope, lookedAt)
    const waiter: FleetWaiter = {
      call,
      queued: false,
      lookedAt,
      wake: () => {},
      leaving: undefined,
      flight: undefined,
      held: undefined,
      gone: false,
    }
    let look = FIRST_LOOK
    try {
      for (;;) {
        call.signal.throwIfAborted()
        waiter.lookedAt = performance.now()
        // More than once: let go, called back, and let go by the next one who was faster than we are here.
        while (waiter.leaving) await waiter.leaving
        if (waiter.flight) return waiter.flight
        scope.queue.add(waiter)
        const held = await release(scope, fleet, waiter)
        if (!held || waiter.leaving || waiter.flight) continue
        const error = scopes.refusal(scope, call, held, since)
        if (error) throw error
        if (waiter.held !== held.reason) call.waiting(held.reason, held.duration)
        waiter.held = held.reason
        const first = scope.queue.first(performance.now()) === waiter
        await scope.queue.sleep(waiter, first ? Math.min(held.duration, Math.max(look, FIRST_LOOK)) : held.duration)
        look = Math.min(LONGEST_LOOK, look * 1.5)
      }
    } catch (error) {
      scope.queue.remove(waiter)
      waiter.gone = true
      if (waiter.flight) settleUnused(scope, fleet, waiter.flight)
      scope.queue.first(performance.now())?.wake()
      throw error
    }
  }

  /** Lets all leave who may; what still holds back this one. */
  async function release(scope: Scope, fleet: FleetScope, waiter: FleetWaiter): Promise<Hold | undefined> {
    const departed = new Map<FleetWaiter, Flight>()
    const task = (): Hold | undefined => {
      for (;;) {
        const first = scope.queue.first(performance.now()) as FleetWaiter | undefined
        if (!first || scopes.hold(scope, first, first.call)) break
        scope.queue.remove(first)
        first.leaving = step
        departed.set(first, scopes.depart(scope, first.call, !first.held))
      }
      return waiter.leaving ? undefined : scopes.hold(scope, waiter, waiter.call)
    }
    const undo = () => {
      for (const [one] of departed) {
        one.leaving = undefined
        if (!one.gone) scope.queue.add(one)
      }
      departed.clear()
    }
    const step: Promise<Hold | undefined> = fleet.step(task, undo)
    const held = await step
    for (const [one, flight] of departed) {
      one.leaving = undefined
      one.flight = flight
      if (one.gone) settleUnused(scope, fleet, flight)
      else one.wake()
    }
    return held
  }

  function settleUnused(scope: Scope, fleet: FleetScope, flight: Flight): void {
    void fleet.step(() => scopes.settle(scope, flight, true))
  }
}

/** A call that waits, and the departure it was given. */
interface FleetWaiter extends Waiter {
  /** Was let go, if nobody else was faster. */
  leaving: Promise<unknown> | undefined
  flight: Flight | undefined
  /** What held it back last. */
  held: WaitReason | undefined
  gone: boolean
}

async function keyOf(identity: string, secret: Secret<string> | string | undefined) {
  return digest('sha256', utf8(`latchkey limits ${FORMAT}\0${identity}\0${reveal(secret) ?? ''}`))
}

function invalid(message: string): LatchkeyError {
  return new LatchkeyError('invalid_option', message)
}
