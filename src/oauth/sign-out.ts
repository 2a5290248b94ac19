// The session ends here, at the authorization server, and, where it has a place for that, in the user's browser.
import { LatchkeyError } from '../errors.ts'
import { checkedUrl } from '../http/origin.ts'
import type { OAuthClient } from './client.ts'
import { secure } from './server.ts'
import type { SessionGrant } from './session-grant.ts'

export interface SignOutOptions {
  /** Where the server sends the browser afterwards, as registered there (OpenID Connect RP-Initiated Logout, section 3). */
  returnTo?: string | URL
}

export interface SignedOut {
  /** False when the server could not be told, or has no revocation endpoint. */
  readonly revoked: boolean
  /** Send the browser there to end its session at the server too; it carries the ID token, so keep it out of logs. Absent where the server has no such place. */
  readonly url?: string
}

export async function signOut(
  client: OAuthClient,
  grant: SessionGrant,
  { returnTo }: SignOutOptions = {},
): Promise<SignedOut> {
  if (returnTo !== undefined && !URL.canParse(String(returnTo)))
    throw new LatchkeyError('invalid_option', "`returnTo` must be a whole URL, e.g. 'https://app.example.com/'.")
  const { record, revoked } = await grant.end()
  const server = await client.server.metadata().catch(() => undefined)
  const url = placeOf(server?.end_session_endpoint)
  // The ID token is for who gave it, and nobody else.
  if (!url || (record?.issuer ?? server?.issuer) !== server?.issuer) return { revoked }
  url.searchParams.set('client_id', client.id)
  if (record?.idToken) url.searchParams.set('id_token_hint', record.idToken)
  if (returnTo !== undefined) url.searchParams.set('post_logout_redirect_uri', String(returnTo))
  return { revoked, url: url.href }
}

/** Only where a browser may be sent with an ID token: a page opens what it is told to. */
function placeOf(endpoint: unknown): URL | undefined {
  try {
    const url = checkedUrl(new URL(endpoint as string), 'end_session_endpoint')
    secure(url)
    return url
  } catch {
    return undefined
  }
}
