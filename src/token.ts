import { fitForHeader } from './credential.ts'
import { parseChallenges } from './http/challenge.ts'
import type { AccessToken, Attempt, AuthStrategy, Challenge, TokenContext, TokenSource } from './types.ts'

export interface TokenStrategyOptions {
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string | undefined
  /** The resource a token is asked for (RFC 8707). */
  resource?: string | undefined
}

/**
 * Puts the token of a source on each attempt, and has it renewed once per request when the server refuses it.
 *
 * What was refused is named, so that an answer to an old token never costs a new one.
 */
export function tokenStrategy(source: TokenSource, options: TokenStrategyOptions = {}): AuthStrategy {
  const { identity, resource } = options
  const sent = new WeakMap<Attempt, AccessToken>()
  return {
    places: ['header:authorization'],
    ...(identity && { identity }),
    async authenticate(request, attempt) {
      const token = await source.token(contextOf(attempt, resource))
      sent.set(attempt, token)
      const type = /^bearer$/i.test(token.type) ? 'Bearer' : token.type
      const value = token.value.use((text) => fitForHeader(text, 'access token'))
      request.headers.set('authorization', `${type} ${value}`)
      if (token.prove) request.headers.set('dpop', await token.prove(attempt, request))
    },
    async onResponse(answer, attempt) {
      const refused = sent.get(attempt)
      if (answer.status !== 401 || !refused || !source.renew || attempt.honoured.includes('invalid_token')) return
      const challenges = parseChallenges(answer.headers.get('www-authenticate'))
      if (!meansTheToken(challenges)) return
      if (await source.renew(refused, challenges, contextOf(attempt, resource))) return 'invalid_token'
    },
  }
}

/** `invalid_token` (RFC 6750, section 3.1), or nothing that can be read, as when CORS hides the challenge. */
function meansTheToken(challenges: readonly Challenge[]): boolean {
  const ours = challenges.filter(({ scheme }) => scheme === 'bearer' || scheme === 'dpop')
  if (!challenges.length) return true
  return ours.some(({ parameters }) => parameters.error === 'invalid_token' || parameters.error === undefined)
}

function contextOf(attempt: Attempt, resource: string | undefined): TokenContext {
  return {
    origin: attempt.url.origin,
    ...(resource && { resource }),
    signal: attempt.signal,
    now: () => attempt.now(),
    report: attempt.report,
  }
}
