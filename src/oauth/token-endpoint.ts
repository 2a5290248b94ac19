// The token endpoint (RFC 6749, section 3.2): what it gave, or a verdict on why it gave nothing.

import { Secret } from '../secret.ts'
import type { AccessToken } from '../types.ts'
import { refused, unavailable } from './verdict.ts'

// Token types that can be sent (RFC 6750, RFC 9449).
const TYPES: Record<string, string> = { bearer: 'Bearer', dpop: 'DPoP' }
// Statuses that say nothing about the request: too early, too many, or a server in trouble.
const LATER = [0, 408, 425, 429]
// Far more than a token response needs.
const MOST_CHARACTERS = 1024 * 1024

/**
 * Sends a token request and reads its answer. Nothing but a conforming token response is taken for one.
 * @throws OAuthError
 */
export async function requestToken(send: () => Promise<Response>): Promise<AccessToken> {
  const response = await send().catch(() => {
    throw unavailable('could not be reached')
  })
  const { status } = response
  if (LATER.includes(status) || status >= 500 || (status >= 300 && status < 400))
    throw unavailable('gave no token', response)
  const text = await response.text().catch(() => {
    throw unavailable('broke off its answer', response)
  })
  const body = parsed(text)
  // Some servers send their errors with status 200.
  if (typeof body?.error === 'string') throw refused(body.error, response)
  if (status !== 200) throw refused(status === 401 ? 'invalid_client' : 'unreadable', response)
  const token = body && conforming(body)
  if (!token) throw unavailable('answered with something else than a token', response)
  return token
}

/** RFC 6749, section 5.1, with what servers leave out or write otherwise; undefined when it is no token response. */
function conforming({
  access_token,
  token_type = 'bearer',
  expires_in,
  scope,
}: Record<string, unknown>): AccessToken | undefined {
  const lifetime = Number.parseFloat(String(expires_in))
  const type = TYPES[String(token_type ?? 'bearer').toLowerCase()]
  if (typeof access_token !== 'string' || !access_token || !type) return undefined
  return {
    value: new Secret(access_token),
    type,
    ...(lifetime >= 0 && { expiresAt: Date.now() + lifetime * 1000 }),
    ...(typeof scope === 'string' && { scope }),
  }
}

function parsed(text: string): Record<string, unknown> | undefined {
  if (text.length > MOST_CHARACTERS) return undefined
  try {
    const body = JSON.parse(text)
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? body : undefined
  } catch {
    // The parser's own error would quote the start of the text, which may be a token.
    return undefined
  }
}
