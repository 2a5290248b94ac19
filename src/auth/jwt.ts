import { fromBase64url, fromUtf8 } from '../crypto/bytes.ts'
import { CredentialError, LatchkeyError } from '../errors.ts'
import { parseChallenges } from '../http/challenge.ts'
import type { Attempt, AuthStrategy, Awaitable, Bytes } from '../types.ts'
import { checkAlgorithm, createSign, type JwtAlgorithm, type JwtKey, type Sign } from './jws.ts'

export type { JwtAlgorithm, JwtKey } from './jws.ts'

/** What travels in the token: the registered names are those of RFC 7519, section 4.1. undefined leaves a claim out. */
export type JwtClaims = Readonly<Record<string, unknown>>

/** What claims may depend on. */
export interface JwtFacts {
  readonly method: string
  /** A copy. */
  readonly url: URL
  /** E.g. for `aud`. */
  readonly origin: string
  /** Milliseconds since the epoch, by the server's clock; claims have seconds. */
  readonly now: number
  /** The content as sent; empty unless `needsBody` is true. */
  readonly body: Bytes
}

export interface JwtOptions {
  algorithm: JwtAlgorithm
  /** A value, or a function asked for each new token. */
  key: JwtKey | (() => Awaitable<JwtKey>)
  /** `kid`: which of several keys it is. Default: the `kid` of a JWK, or none. */
  keyId?: string
  /** Beside `iat` and `exp`, which they may replace. A function is asked for each attempt. Default none. */
  claims?: JwtClaims | ((facts: JwtFacts) => Awaitable<JwtClaims>)
  /** Milliseconds a token is good for. Default 60 000. */
  lifetime?: number
  /** True gives every attempt a token of its own with a random `jti`. Default false: one token serves until shortly before it expires. */
  jti?: boolean
  /** Further parameters of the header, e.g. `{ nonce }`. Default: `typ` is `JWT`. */
  header?: JwtClaims
  /** The scheme before the token in `Authorization`. Default `'Bearer'`. */
  scheme?: string
  /** True where claims cover the content. Default false. */
  needsBody?: boolean
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

/** Kept under the claims it was made for. Its times are by the server's clock. */
interface Token {
  readonly name: string
  readonly issuedAt: number
  readonly expiresAt: number
  readonly signed: ReturnType<Sign>
  /** A server has accepted it. */
  proven: boolean
}

// Different claims make different tokens; who asks with ever new ones must not fill the memory.
const MOST = 100
const MARGIN = 10_000

/**
 * A JWT that this client signs itself as the bearer token (RFC 7519, RFC 6750): service accounts, GitHub Apps, ASAP.
 *
 * Signed through Web Crypto, kept until shortly before it expires, and made anew when a server refuses it as invalid or by its time.
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError on a request `credential_invalid` for a key that does not fit, `credential_unavailable`, `runtime_unsupported`
 * @example
 * jwt({ algorithm: 'RS256', key: privateKeyPem, claims: { iss: appId }, lifetime: 540_000 })
 */
export function jwt(options: JwtOptions): AuthStrategy {
  const { algorithm, key, keyId, claims = {}, lifetime = 60_000, jti = false, needsBody = false, identity } = options
  const { header, scheme = 'Bearer' } = options
  checkAlgorithm(algorithm)
  if (!(lifetime >= 1000)) throw invalid('`lifetime` of jwt must be milliseconds, 1000 or more.')
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(scheme)) throw invalid('`scheme` of jwt must be one word.')
  if (typeof key !== 'function' && !isKey(key))
    throw invalid('`key` of jwt must be a CryptoKey, a JWK, PEM or a secret.')
  const margin = Math.min(MARGIN, lifetime / 2)
  const tokens = new Map<string, Token>()
  const sent = new WeakMap<Attempt, Token>()
  let last: { readonly key: JwtKey; readonly sign: Promise<Sign> } | undefined

  return {
    places: ['header:authorization'],
    ...(needsBody && { signs: true }),
    needsBody,
    ...(identity && { identity }),
    async authenticate(request, attempt) {
      const { url, body = new Uint8Array() } = attempt
      const facts = { method: request.method, url: new URL(url), origin: url.origin, now: attempt.now(), body }
      const given = typeof claims === 'function' ? await asked('claims', () => claims(facts)) : claims
      const token = tokenFor(given, attempt.now())
      sent.set(attempt, token)
      const { text, input } = await token.signed
      request.headers.set('authorization', `${scheme} ${text}`)
      attempt.explain(() => ({ canonicalRequest: input.split('.').map(decoded).join('\n'), stringToSign: input }))
    },
    onResponse({ status, headers }, attempt) {
      const token = sent.get(attempt)
      if (!token) return undefined
      if (status !== 401) {
        token.proven ||= status < 400
        return undefined
      }
      // What never served is not made again: it is the key or the claims that are wrong.
      if (!token.proven || jti || !meansUs(headers.get('www-authenticate'))) return undefined
      if (tokens.get(token.name) === token) tokens.delete(token.name)
      return 'invalid_token'
    },
  }

  function tokenFor(given: JwtClaims, now: number): Token {
    const name = JSON.stringify(given)
    const kept = tokens.get(name)
    // A clock that was set back, as one is that ran ahead of the server's, makes it a token of the future.
    if (kept && kept.issuedAt <= now && now < kept.expiresAt - margin) return kept
    const iat = Math.floor(now / 1000)
    const exp = iat + Math.floor(lifetime / 1000)
    const all: JwtClaims = { iat, exp, ...(jti && { jti: crypto.randomUUID() }), ...given }
    const token: Token = {
      name,
      issuedAt: iat * 1000,
      expiresAt: typeof all.exp === 'number' ? all.exp * 1000 : exp * 1000,
      signed: signed(all),
      proven: false,
    }
    if (jti) return token
    if (tokens.size >= MOST) tokens.delete(tokens.keys().next().value as string)
    tokens.set(name, token)
    token.signed.catch(() => {
      if (tokens.get(name) === token) tokens.delete(name)
    })
    return token
  }

  async function signed(claims: JwtClaims): ReturnType<Sign> {
    const value = typeof key === 'function' ? await asked('key', key) : key
    if (!isKey(value)) throw new CredentialError('credential_invalid', '`key` of jwt must give a key: it gave nothing.')
    if (last?.key !== value) last = { key: value, sign: createSign(algorithm, value) }
    const sign = await last.sign
    const kid = keyId ?? (value as { kid?: string }).kid
    return sign({ alg: algorithm, typ: 'JWT', ...(kid !== undefined && { kid }), ...header }, claims)
  }

  /** A challenge of our scheme, or none that can be read, as when CORS hides it. */
  function meansUs(field: string | null): boolean {
    const challenges = parseChallenges(field)
    return !challenges.length || challenges.some((challenge) => challenge.scheme === scheme.toLowerCase())
  }
}

/** Asks a function of the user's. What it throws may quote a secret: only our own errors are passed on. */
async function asked<T>(what: string, ask: () => Awaitable<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof LatchkeyError) throw error
    throw new CredentialError(
      'credential_unavailable',
      `The function given for \`${what}\` failed. Catch and log inside it to see why.`,
    )
  }
}

function isKey(value: unknown): value is JwtKey {
  return typeof value === 'string' ? value !== '' : typeof value === 'object' && value !== null
}

function decoded(part: string): string {
  return fromUtf8(fromBase64url(part) as Bytes)
}

function invalid(message: string): LatchkeyError {
  return new LatchkeyError('invalid_option', message)
}
