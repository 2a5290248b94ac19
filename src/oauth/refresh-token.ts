// RFC 6749, section 6: a session that began elsewhere, and is carried on here.
import { type Credential, checkCredential, readCredential } from '../credential.ts'
import { textDigest } from '../crypto/text-digest.ts'
import { memoryStore } from '../storage/memory.ts'
import { type Accounts, accounts } from './accounts.ts'
import { type ClientOptions, createOAuthClient } from './client.ts'
import type { Login, SessionGrantOptions } from './login.ts'
import type { SessionRecord } from './record.ts'
import { sessionGrant } from './session-grant.ts'

export interface RefreshTokenOptions extends ClientOptions, SessionGrantOptions {
  /**
   * The refresh token to begin with. Once the server gives another, that one is used and kept in `store`; a new value here, e.g. after
   * somebody signed in again, begins another session.
   */
  refreshToken: Credential
  /** The scopes it was granted, separated by spaces, so that more is refused here. Default: unknown. */
  scope?: string
}

/**
 * A session from a refresh token that you bring (RFC 6749, section 6): its tokens are renewed by one at a time of all who share the store.
 *
 * Give the object as `auth`. Without `store` a rotated refresh token is lost with this object.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`, `insecure_url`
 * @throws OAuthError from requests: `token_unavailable` (try later), `session_ended` (bring another), `client_misconfigured`, `issuer_invalid`
 * @throws StoreError from requests
 */
export function refreshToken(options: RefreshTokenOptions): Accounts<Login> {
  checkCredential(options.refreshToken, 'refreshToken')
  const client = createOAuthClient(options)
  return accounts(options.store ?? memoryStore(), (store, account) => {
    const begin = (current: SessionRecord | undefined) => begun(options, current)
    return sessionGrant(client, 'refresh_token', { ...options, store, account }, { begin }).login
  })
}

/** Older ones may still be configured somewhere: they do not take the place of what came after them. */
const REMEMBERED = 8

async function begun(
  { refreshToken: source, scope }: RefreshTokenOptions,
  current: SessionRecord | undefined,
): Promise<SessionRecord | undefined> {
  const refreshToken = await readCredential(source, 'refreshToken')
  const seed = await textDigest(refreshToken)
  const before = current?.seeds ?? []
  if (before.includes(seed)) return undefined
  const seeds = [seed, ...before].slice(0, REMEMBERED)
  const granted = scope === undefined ? {} : { scope }
  return { format: 1, session: crypto.randomUUID(), refreshToken, ...granted, tokens: {}, issuedAt: Date.now(), seeds }
}
