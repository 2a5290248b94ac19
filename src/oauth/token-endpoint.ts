// The token endpoint (RFC 6749, section 3.2): what it gave, or a verdict on why it gave nothing.
import { type AuthorizationServer, type Client, processGenericTokenEndpointResponse } from 'oauth4webapi'

import { Secret } from '../secret.ts'
import type { AccessToken } from '../types.ts'
import { refused, unavailable } from './verdict.ts'

// Statuses that say nothing about the request: too early, too many, or a server in trouble.
const LATER = [0, 408, 425, 429]
// Far more than a token response needs.
const MOST_CHARACTERS = 1024 * 1024

/**
 * Sends a token request and reads its answer. Nothing but a conforming token response is taken for one.
 * @throws OAuthError
 */
export async function requestToken(
  server: AuthorizationServer,
  client: Client,
  send: () => Promise<Response>,
): Promise<AccessToken> {
  const response = await send().catch(() => {
    throw unavailable('could not be reached')
  })
  const { status, headers } = response
  if (LATER.includes(status) || status >= 500 || (status >= 300 && status < 400))
    throw unavailable('gave no token', response)
  const text = await response.text().catch(() => {
    throw unavailable('broke off its answer', response)
  })
  const body = parsed(text)
  // Some servers send their errors with status 200.
  if (typeof body?.error === 'string') throw refused(body.error, response)
  if (status !== 200) throw refused(status === 401 ? 'invalid_client' : 'unreadable', response)
  if (!body) throw unavailable('answered with something else than a token', response)
  const received = Date.now()
  const conforming = {
    access_token: body.access_token,
    token_type: body.token_type ?? 'bearer',
    expires_in: body.expires_in ?? undefined,
    scope: body.scope ?? undefined,
  }
  const answer = new Response(JSON.stringify(conforming), { headers: { 'content-type': 'application/json' } })
  const token = await processGenericTokenEndpointResponse(server, client, answer).catch(() => {
    throw unavailable('answered with a token response that is not one', { status, headers })
  })
  return {
    value: new Secret(token.access_token),
    type: token.token_type === 'dpop' ? 'DPoP' : 'Bearer',
    ...(token.expires_in !== undefined && { expiresAt: received + token.expires_in * 1000 }),
    ...(token.scope !== undefined && { scope: token.scope }),
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
