// RFC 6749, section 4.1, as RFC 9700 and OAuth 2.1 have it: the user signs in at the authorization server, and comes back with a code.
import { LatchkeyError } from '../errors.ts'
import { isLoopback } from '../http/origin.ts'
import type { CredentialStore } from '../types.ts'
import { type Accounts, accounts } from './accounts.ts'
import type { Authorization, Completed } from './authorization.ts'
import { type AuthorizationOptions, checkAuthorizationOptions, type StartOptions } from './authorization-options.ts'
import { type ClientOptions, createOAuthClient } from './client.ts'
import { late } from './late.ts'
import type { Login, SessionGrantOptions } from './login.ts'
import { sessionGrant } from './session-grant.ts'
import { type SignedOut, type SignOutOptions, signOut } from './sign-out.ts'

export interface AuthorizationCodeOptions extends ClientOptions, SessionGrantOptions, AuthorizationOptions {
  /** Where the server sends the browser back to, as registered there. */
  redirectUri: string | URL
  /**
   * Keeps the session, and what a sign-in needs to be completed when the browser is back: `indexedDbStore()` in a page, one for each user
   * agent on a server, `memoryStore()` where nothing shall outlive this object.
   */
  store: CredentialStore
}

/** A session that begins with a sign-in in the browser. */
export interface CodeLogin extends Omit<Login, 'signOut'> {
  /**
   * The URL to send the browser to. What the sign-in needs to be completed is kept in the store for an hour.
   * @throws LatchkeyError `invalid_option` in a page whose store would not outlive it
   * @throws OAuthError `token_unavailable` (try later), `client_misconfigured`, `issuer_invalid`
   */
  start(options?: StartOptions): Promise<string>
  /**
   * Takes the URL that the browser came back with, and signs in. A second call with the same URL, also in another tab, changes nothing
   * and gives the same. In a page, the code is gone from the address bar afterwards.
   * @throws OAuthError `callback_invalid` (start again), `interaction_required` with the server's `error`, e.g. `access_denied`,
   *   `issuer_invalid` when the ID token is not right, `session_ended` when the code is no longer good (start again), `token_unavailable`
   *   (call again with the same URL)
   * @throws StoreError
   */
  complete(url: string | URL): Promise<Completed>
  /**
   * Signs out here, revokes the tokens (RFC 7009), and gives the URL that ends the session at the server too, where it has one
   * (OpenID Connect RP-Initiated Logout, section 2).
   * @throws StoreError when the store keeps the session
   */
  signOut(options?: SignOutOptions): Promise<SignedOut>
}

/**
 * Signs a user in by the browser (RFC 6749, section 4.1), always with PKCE (RFC 7636), `state` and, with the scope `openid`, `nonce`.
 *
 * Give the object as `auth`. All who share `store`, such as the tabs of a page, share the session.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`, `insecure_url`
 * @throws OAuthError from requests: `interaction_required` (nobody is signed in), `session_ended` (sign in again), `token_unavailable`
 *   (try later), `client_misconfigured`, `issuer_invalid`
 * @throws StoreError from requests
 */
export function authorizationCode(options: AuthorizationCodeOptions): Accounts<CodeLogin> {
  const redirectUri = checkedRedirectUri(options.redirectUri)
  checkAuthorizationOptions(options)
  const client = createOAuthClient(options)
  return accounts(checkedStore(options.store), (store, account) => {
    const grant = sessionGrant(client, 'authorization_code', { ...options, store, account })
    let loaded: Promise<Authorization> | undefined
    /** Who is signed in already needs none of it. */
    function authorization(): Promise<Authorization> {
      loaded ??= late(import('./authorization.ts')).then((part) => part.createAuthorization(client, grant, options))
      loaded.catch(() => (loaded = undefined))
      return loaded
    }
    return {
      ...grant.login,
      async start(asked = {}) {
        if (asked.popup === undefined) checkOutlives(store)
        return (await (await authorization()).start(redirectUri, asked)).url
      },
      complete: async (url) => (await authorization()).complete(new URL(url, redirectUri)),
      signOut: (asked) => signOut(client, grant, asked),
    }
  })
}

/** As written: servers compare it so. */
function checkedRedirectUri(source: string | URL): string {
  const text = String(source)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || url.hash || (url.protocol === 'http:' && !isLoopback(url.hostname)))
    throw new LatchkeyError(
      'invalid_option',
      "`redirectUri` must be a whole URL without fragment, over https beyond this machine, e.g. 'https://app.example.com/callback'.",
    )
  return text
}

function checkedStore(store: CredentialStore | undefined): CredentialStore {
  if (!store)
    throw new LatchkeyError(
      'invalid_option',
      "`store` must be where the session is kept: indexedDbStore('my-app') in a page, or memoryStore() for no longer than this object.",
    )
  return store
}

function checkOutlives(store: CredentialStore): void {
  if (store.traits.durability === 'none' && globalThis.document && globalThis.location)
    throw new LatchkeyError(
      'invalid_option',
      "The page is left to sign in, and what is only in its memory is lost: give a `store` that stays, e.g. indexedDbStore('my-app'), or use a popup.",
    )
}
