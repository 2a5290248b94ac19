// What every grant with a session takes and gives.
import type { AuthStrategy, CredentialStore, TokenSource } from '../types.ts'
import type { OnChallenge } from './strategy.ts'

export interface SessionGrantOptions {
  /** Space-separated scopes to sign in with. Default: what the server gives. */
  scope?: string
  /** The resources the session is for (RFC 8707). A request carries a token for the first; `for()` gives tokens for the others. */
  resource?: string | readonly string[]
  /** Keeps the session, also for other tabs, processes and machines that share it. Default: the memory of this object. */
  store?: CredentialStore
  /** Binds the tokens to a key and proves it with each request (RFC 9449). Default false. */
  dpop?: boolean
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
  /** Renews the token ahead of its end also while nobody asks, until `dispose()`. Default false: no timer runs. */
  keepFresh?: boolean
  /** Asked when a resource wants more than the token allows. True, once a better token is there, sends the request once more; else the caller gets the answer. */
  onChallenge?: OnChallenge
}

/** What is wanted of a session beside its first token. */
export interface TokenWish {
  /** Fewer scopes than were granted, separated by spaces. Default: all. */
  scope?: string
  /** One of the resources the session is for. Default: the first. */
  resource?: string
}

/** A session as `auth`, and what can be asked of it. */
export interface Login extends AuthStrategy, TokenSource {
  /** True while the session can give tokens. Asks the store, not the server. @throws StoreError */
  signedIn(): Promise<boolean>
  /**
   * Ends the session for all who share the store, then tells the server (RFC 7009); a renewal that is under way elsewhere is discarded,
   * and what it brought revoked. `revoked` is false when the server could not be told, or has no revocation endpoint.
   * @throws StoreError when the store keeps the session
   */
  signOut(): Promise<{ readonly revoked: boolean }>
  /**
   * The same session for another resource or with fewer scopes, to be given as `auth`.
   * @throws LatchkeyError `invalid_option` for a resource the session is not for
   */
  for(wish: TokenWish): AuthStrategy & TokenSource
  /** The claims of the ID token of the session, undefined without one. They were checked when it was issued. @throws StoreError */
  claims(): Promise<Readonly<Record<string, unknown>> | undefined>
  /** Hears of a sign-in or sign-out by anybody who shares the store, as far as that tells (`traits.notify`). Returns the way out. */
  onSignInChange(listener: (signedIn: boolean) => void): () => void
  /** True once this object wrote to its store: on a server, the time to send the store's content back to the browser. */
  changed(): boolean
  /** Ends what `keepFresh` began. The session stays. */
  dispose(): void
}
