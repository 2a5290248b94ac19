// Asking again and again whether the user has decided (RFC 8628, section 3.5; CIBA Core, section 11).
import { OAuthError } from '../errors.ts'
import { sleep } from '../timing.ts'
import type { Ask, OAuthClient, Reply } from './client.ts'
import type { Prover } from './dpop.ts'
import { checkIdToken } from './id-token.ts'
import type { SessionGrant } from './session-grant.ts'
import { readTokens } from './token-endpoint.ts'
import { refused } from './verdict.ts'

/** What the server said when it was told whom to ask. */
export interface Begun {
  /** Asks whether the user has decided. */
  readonly ask: (additionalParameters: URLSearchParams) => Ask
  /** Milliseconds between two requests, at first. */
  readonly interval: number
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

export interface Polling {
  readonly signal: AbortSignal | undefined
  /** An ID token must come with the tokens. */
  readonly openId: boolean
}

/** Added to the interval, for good, each time the server is asked too often. */
const SLOWER = 5000
/** Longest pause between two requests while the server cannot be reached. */
const LONGEST = 60_000

/** The interval of an answer in milliseconds; 5 s where it names none (RFC 8628, section 3.2). */
export function intervalOf(interval: unknown): number {
  const seconds = Number.parseFloat(String(interval))
  return seconds > 0 ? seconds * 1000 : 5000
}

/**
 * Begins the session once the user, whom `begin` has asked, has agreed. An answer that is on its way when the signal is aborted is
 * waited for, and its tokens revoked.
 * @throws OAuthError, StoreError, the signal's reason
 */
export async function establishedByPolling(
  client: OAuthClient,
  grant: SessionGrant,
  begin: () => Promise<Begun>,
  { signal, openId }: Polling,
): Promise<void> {
  // First of all: a store that cannot make the key costs the user nothing.
  const session = await grant.newSession()
  try {
    const reply = await polled(client, grant.prover(session), grant.first, await begin(), signal)
    const check = (idToken?: string) => checkIdToken(client, idToken, { required: openId })
    await grant.establish(session, reply, { check, signal })
  } catch (error) {
    await grant.discard(session)
    throw error
  }
}

/**
 * The answer with the tokens, once there is one.
 * @throws OAuthError `interaction_required` when the user refused or did not come; the signal's reason
 */
async function polled(
  client: OAuthClient,
  prover: Prover | undefined,
  parameters: URLSearchParams,
  { ask, interval: first, expiresAt }: Begun,
  signal: AbortSignal | undefined,
): Promise<Reply> {
  let interval = first
  let pause = first
  for (;;) {
    if (Date.now() + pause > expiresAt) throw refused('expired_token', { status: 0, headers: new Headers() })
    await sleep(pause, signal)
    try {
      const send = await client.ready()
      const reply = await send(ask(parameters), { prover })
      const { token, error } = readTokens({ ...reply, receivedAt: Date.now() }, reply.headers)
      if (token) return reply
      throw error
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error
      const { error: code, retryAt = 0, retryable } = error
      const waiting = code === 'authorization_pending'
      if (!waiting && !retryable) throw error
      // RFC 8628, section 3.5: what slow_down adds stays; a connection that fails is tried less and less often.
      if (code === 'slow_down') interval += SLOWER
      pause = waiting || code === 'slow_down' ? interval : Math.min(Math.max(pause, interval) * 2, LONGEST)
      pause = Math.max(pause, retryAt - Date.now())
    }
  }
}
