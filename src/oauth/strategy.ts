// A grant as `auth`: its token on each attempt, with a proof where it is bound to a key, and what a challenge asks for.
import { fromBase64url, fromUtf8 } from '../crypto/bytes.ts'
import { parseChallenges } from '../http/challenge.ts'
import { tokenStrategy } from '../token.ts'
import type { AuthStrategy, Awaitable, TokenSource } from '../types.ts'
import { learnNonce, type Nonces } from './dpop.ts'

/** What a resource server wants beyond the token it was shown. */
export interface StepUp {
  /** `insufficient_scope` (RFC 6750, section 3.1), `insufficient_user_authentication` (RFC 9470) or `insufficient_claims`. */
  readonly error: string
  /** The scopes of the token together with those that are missing, separated by spaces. */
  readonly scope?: string
  /** The authentication contexts one of which is wanted (RFC 9470, section 3). */
  readonly acrValues?: string
  /** Seconds that the last sign-in may be old (RFC 9470, section 3). */
  readonly maxAge?: number
  /** The wanted claims, as JSON. */
  readonly claims?: string
  /** Where the resource describes itself (RFC 9728, section 5.1): for `protectedResource()`. */
  readonly resourceMetadata?: string
  /** Whose answer it was. */
  readonly origin: string
}

/** True when a better token is there now: the request is sent once more. Anything else hands the answer to the caller. */
export type OnChallenge = (challenge: StepUp) => Awaitable<boolean | void>

export interface GrantOptions {
  readonly identity?: string | undefined
  readonly resource?: string | undefined
  /** Where the nonces of resources are kept; present when the tokens are bound to a key. */
  readonly nonces?: Nonces | undefined
  readonly onChallenge?: OnChallenge | undefined
}

const STEP_UP = ['insufficient_scope', 'insufficient_user_authentication', 'insufficient_claims']

export function grantStrategy(source: TokenSource, options: GrantOptions): AuthStrategy & TokenSource {
  const { nonces, onChallenge } = options
  let scope: string | undefined
  const seen: TokenSource = {
    ...source,
    async token(context) {
      const token = await source.token(context)
      ;({ scope } = token)
      return token
    },
  }
  const strategy = tokenStrategy(seen, options)
  return {
    ...strategy,
    ...seen,
    async onResponse(answer, attempt) {
      if (nonces) learnNonce(nonces, answer.url.href, answer.headers, true)
      const challenges = answer.status === 401 || answer.status === 403 ? asked(answer.headers) : []
      const nonce = challenges.some(({ scheme, error }) => scheme === 'dpop' && error === 'use_dpop_nonce')
      if (nonces && nonce) return 'use_dpop_nonce'
      const wanted = challenges.find(({ error }) => STEP_UP.includes(error ?? ''))
      if (!wanted) return strategy.onResponse?.(answer, attempt)
      if (!onChallenge || attempt.honoured.includes('step_up')) return
      if ((await onChallenge(stepUp(wanted, scope, answer.url.origin))) === true) return 'step_up'
    },
  }
}

interface Asked {
  readonly scheme: string
  readonly [parameter: string]: string | undefined
}

function asked(headers: Headers): Asked[] {
  return parseChallenges(headers.get('www-authenticate')).map(({ scheme, parameters }) => ({ ...parameters, scheme }))
}

function stepUp(wanted: Asked, granted: string | undefined, origin: string): StepUp {
  const scopes = new Set(`${granted ?? ''} ${wanted.scope ?? ''}`.split(' ').filter(Boolean))
  const maxAge = Number.parseInt(wanted.max_age ?? '', 10)
  const claims = wanted.claims === undefined ? undefined : decoded(wanted.claims)
  return {
    error: wanted.error as string,
    origin,
    ...(scopes.size && { scope: [...scopes].join(' ') }),
    ...(wanted.acr_values !== undefined && { acrValues: wanted.acr_values }),
    ...(maxAge >= 0 && { maxAge }),
    ...(claims !== undefined && { claims }),
    ...(wanted.resource_metadata !== undefined && { resourceMetadata: wanted.resource_metadata }),
  }
}

/** Some servers write the claims as base64url, some as base64. */
function decoded(claims: string): string {
  const bytes = fromBase64url(claims.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''))
  return bytes ? fromUtf8(bytes) : claims
}
