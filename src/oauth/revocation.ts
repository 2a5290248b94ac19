// The server is told that a token is used no more (RFC 7009).
import type { OAuthClient } from './client.ts'
import { formRequest } from './form-request.ts'
import type { SessionRecord } from './record.ts'

/** Revokes what the session lives on. False when the server could not be told: signing out does not fail for that. */
export async function revoked(client: OAuthClient, { refreshToken, tokens, issuer }: SessionRecord): Promise<boolean> {
  const token = refreshToken ?? Object.values(tokens)[0]?.value
  if (token === undefined) return true
  const hint = refreshToken === undefined ? 'access_token' : 'refresh_token'
  try {
    const server = await client.server.metadata()
    if (!server.revocation_endpoint || (issuer ?? server.issuer) !== server.issuer) return false
    const send = await client.ready()
    const { status } = await send(formRequest('revocation_endpoint', { token, token_type_hint: hint }))
    return status === 200
  } catch {
    return false
  }
}
