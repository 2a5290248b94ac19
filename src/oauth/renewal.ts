// One token for many callers: obtained once, renewed ahead of time, and never lost to the failure or abort of one of them.
import { OAuthError } from '../errors.ts'
import type { RenewEvent } from '../events.ts'
import { abortable, sleep } from '../timing.ts'
import type { AccessToken, Challenge, TokenContext, TokenSource } from '../types.ts'

/** A token, and whether it was there already, so that no server was asked for it. */
export interface Given {
  readonly token: AccessToken
  readonly found?: boolean
}

/** Gives a token that is not the one to be replaced. Runs on its own time: no caller's signal reaches it. */
export type Obtain = (replaced: AccessToken | undefined, report: TokenContext['report']) => Promise<Given>

export interface Renewal extends TokenSource {
  renew(refused: AccessToken, challenge: readonly Challenge[], context: TokenContext): Promise<boolean>
  /** Nothing that was held is given any more: somebody signed in or out. */
  forget(): void
}

interface Held {
  readonly token: AccessToken
  /** On the clock of `performance.now()`, which does not jump: from here on a renewal is due; from there on the token is not used. */
  readonly dueAt: number
  readonly endsAt: number
}

interface Flight {
  readonly promise: Promise<AccessToken>
  /** Who still waits at this time may take over: its owner was stopped without a word. */
  readonly endsAt: number
}

/** Milliseconds a shared renewal may take, retries included. */
export const FLIGHT_TIME = 30_000
const WINDOW = 60_000
const COOL_DOWN = 10_000
/** Milliseconds for which what others did with a shared session may go unnoticed. */
const LOOK = 1000

/** `look` gives what all who share a session have now in place of the held token, or that one again; undefined when it is of no use any more. */
export function createRenewal(obtain: Obtain, look?: (held: AccessToken) => Promise<AccessToken | undefined>): Renewal {
  let held: Held | undefined
  let flight: Flight | undefined
  /** Nobody asks the server before: it said so, or a renewal in the background has just failed. */
  let restsUntil = 0
  let lastError: OAuthError | undefined
  let lookedAt = 0
  /** Counts how often somebody signed in or out. */
  let era = 0
  let looking: Promise<void> | undefined

  return {
    async token(context) {
      if (look && held && performance.now() - lookedAt > LOOK) {
        looking ??= lookAround(look, held).finally(() => (looking = undefined))
        await abortable(looking, context.signal)
      }
      const good = usable(undefined)
      const now = performance.now()
      if (good && now >= good.dueAt && !flight && now >= restsUntil) start(context, good.token)
      return good?.token ?? join(context, undefined)
    },
    async renew(refused, _, context) {
      const token = await join(context, refused)
      return !same(token, refused)
    },
    forget() {
      held = lastError = flight = undefined
      restsUntil = 0
      era++
    },
  }

  async function join(context: TokenContext, refused: AccessToken | undefined): Promise<AccessToken> {
    for (;;) {
      const good = usable(refused)
      if (good) return good.token
      if (!flight && lastError?.retryAt && performance.now() < restsUntil) throw lastError
      const others = flight
      const began = era
      const shared = others ?? start(context, refused)
      const token = await Promise.race([abortable(shared.promise, context.signal), ownTimer(shared, context.signal)])
      // What came for who was signed in before is not for who is now.
      if (began !== era) continue
      // Who began it may not have known that the token it found is the refused one.
      if (token && !(others && refused && same(token, refused))) return token
      if (flight === shared) flight = undefined
    }
  }

  async function lookAround(shared: NonNullable<typeof look>, before: Held): Promise<void> {
    let found: AccessToken | undefined
    try {
      found = await shared(before.token)
    } catch (error) {
      // Of a store that cannot be read nothing follows.
      if (!(error instanceof OAuthError)) return
    }
    lookedAt = performance.now()
    if (held === before && !(found && same(found, before.token))) held = found && hold(found)
  }

  /** The token that is held, if it has not ended and is not the refused one. */
  function usable(refused: AccessToken | undefined): Held | undefined {
    if (!held || performance.now() >= held.endsAt || expired(held.token)) return undefined
    return refused && same(held.token, refused) ? undefined : held
  }

  function start(context: TokenContext, refused: AccessToken | undefined): Flight {
    const began = performance.now()
    const promise = obtain(refused, (event) => context.report(event)).then(
      ({ token, found }) => {
        if (flight === started) {
          held = hold(token)
          lastError = undefined
          lookedAt = performance.now()
        }
        end(found ? undefined : 'renewed')
        return token
      },
      (error) => {
        if (flight === started) lastError = error instanceof OAuthError ? error : undefined
        const wait = lastError?.retryAt ? lastError.retryAt - Date.now() : COOL_DOWN
        restsUntil = performance.now() + wait
        end('failed', error?.code)
        throw error
      },
    )
    const started = { promise, endsAt: began + FLIGHT_TIME + 1000 }
    flight = started
    promise.catch(() => {})
    return started

    function end(outcome: RenewEvent['outcome'] | undefined, code?: string): void {
      if (flight === started) flight = undefined
      if (outcome)
        context.report({ type: 'renew', outcome, duration: performance.now() - began, ...(code && { code }) })
    }
  }
}

/** Resolves with nothing once the flight should long have ended. Every waiter has its own, and clears it. */
function ownTimer(flight: Flight, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), Math.max(0, flight.endsAt - performance.now()))
    const clear = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', clear)
    }
    signal.addEventListener('abort', clear)
    flight.promise.then(clear, clear)
  })
}

function hold(token: AccessToken): Held {
  const now = performance.now()
  if (token.expiresAt === undefined) return { token, dueAt: Number.POSITIVE_INFINITY, endsAt: Number.POSITIVE_INFINITY }
  const left = token.expiresAt - Date.now()
  const window = Math.min(left * 0.2, WINDOW)
  // Not all processes that were given a token at the same time shall renew it at the same time.
  return { token, dueAt: now + left - window * (1 - Math.random() * 0.25), endsAt: now + left }
}

/** The clock on the wall goes on while the machine sleeps, the other may not. */
function expired(token: AccessToken): boolean {
  return token.expiresAt !== undefined && Date.now() >= token.expiresAt
}

export function same(one: AccessToken, other: AccessToken): boolean {
  return one.value.use((a) => other.value.use((b) => a === b))
}

/** Asks again while the server is only unavailable, within the time of one renewal. Everybody who waits shares this wait. */
export async function patiently<T>(obtain: () => Promise<T>, repeatable: (error: OAuthError) => boolean): Promise<T> {
  const deadline = performance.now() + FLIGHT_TIME
  for (let attempt = 1; ; attempt++) {
    try {
      return await obtain()
    } catch (error) {
      if (!(error instanceof OAuthError) || !error.retryable || attempt > 3 || !repeatable(error)) throw error
      const own = Math.random() * 500 * 2 ** attempt
      const wait = Math.max(own, error.retryAt ? error.retryAt - Date.now() : 0)
      if (performance.now() + wait > deadline) throw error
      await sleep(wait)
    }
  }
}
