// The token endpoint (RFC 6749, section 3.2): what its answer gives, and a verdict when it gives no token.
import type { OAuthError } from '../errors.ts'
import { Secret } from '../secret.ts'
import type { AccessToken } from '../types.ts'
import type { Reply } from './client.ts'
import { refused, unavailable } from './verdict.ts'

// Token types that can be sent (RFC 6750, RFC 9449).
const TYPES: Record<string, string> = { bearer: 'Bearer', dpop: 'DPoP' }
// Statuses that say nothing about the request: too early, too many, or a server in trouble.
const LATER = [0, 408, 425, 429]

/** An answer of the token endpoint as it can be kept: what is in it, and when it came. */
export interface Answer {
  readonly status: number
  readonly text: string
  /** Milliseconds since the epoch. */
  readonly receivedAt: number
}

export interface Tokens {
  readonly token?: AccessToken
  /** Read from any answer that has one, so that it is not lost with the rest. */
  readonly refreshToken?: string
  readonly idToken?: string
  /** Present when there is no token. */
  readonly error?: OAuthError
}

/** The access token of an answer. @throws OAuthError */
export function accessToken(reply: Reply): AccessToken {
  const { token, error } = readTokens({ ...reply, receivedAt: Date.now() }, reply.headers)
  if (!token) throw error
  return token
}

/** What an endpoint beside it answered. @throws OAuthError */
export function answered({ status, text, headers }: Reply): Record<string, unknown> {
  const response = { status, headers }
  if (later(status)) throw unavailable('did not answer', response)
  const body = parsed(text)
  if (typeof body?.error === 'string') throw refused(body.error, response)
  if (status >= 400) throw refused(status === 401 ? 'invalid_client' : 'unreadable', response)
  if (!body) throw unavailable('answered with something that cannot be read', response)
  return body
}

/** Nothing but a conforming token response (RFC 6749, section 5.1) is taken for one. */
export function readTokens({ status, text, receivedAt }: Answer, headers: Headers = new Headers()): Tokens {
  const response = { status, headers }
  if (later(status)) return { error: unavailable('gave no token', response) }
  const body = parsed(text)
  // Some servers send their errors with status 200.
  if (typeof body?.error === 'string') return { error: refused(body.error, response) }
  if (status !== 200) return { error: refused(status === 401 ? 'invalid_client' : 'unreadable', response) }
  const token = body && conforming(body, receivedAt)
  return {
    ...(token ? { token } : { error: unavailable('answered with something else than a token', response) }),
    ...(isText(body?.refresh_token) && { refreshToken: body.refresh_token }),
    ...(isText(body?.id_token) && { idToken: body.id_token }),
  }
}

function later(status: number): boolean {
  return LATER.includes(status) || status >= 500 || (status >= 300 && status < 400)
}

/** With what servers leave out or write otherwise; undefined when it is no token response. */
function conforming(
  { access_token, token_type = 'bearer', expires_in, scope }: Record<string, unknown>,
  receivedAt: number,
): AccessToken | undefined {
  const expiresAt = receivedAt + Number.parseFloat(String(expires_in)) * 1000
  const type = TYPES[String(token_type ?? 'bearer').toLowerCase()]
  if (!isText(access_token) || !type) return undefined
  const granted = Array.isArray(scope) ? scope.join(' ') : scope
  return {
    value: new Secret(access_token),
    type,
    // What is no time, or lies before the answer, says nothing: the resource will tell.
    ...(expiresAt >= receivedAt && expiresAt <= Number.MAX_SAFE_INTEGER && { expiresAt }),
    ...(isText(granted) && { scope: granted }),
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const body = JSON.parse(text)
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? body : undefined
  } catch {
    // The parser's own error would quote the start of the text, which may be a token.
    return undefined
  }
}
