import type { ClientEvent } from './events.ts'
import type { CryptoKeyPair } from './platform.ts'
import type { Secret } from './secret.ts'

export type { LimitedCall, Limiter, LimitState, WaitReason } from './limits.ts'

/** A value, or a function that gives it, now or later. Every credential may be one. */
export type Awaitable<T> = T | Promise<T>
export type Provided<T> = T | (() => Awaitable<T>)
export type Bytes = Uint8Array<ArrayBuffer>

/** The shape of `fetch`; what a transport is, and what `createFetch` and `client.fetch` return. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** One challenge of `WWW-Authenticate` (RFC 9110, section 11.6.1). Scheme and parameter names are in lower case. */
export interface Challenge {
  readonly scheme: string
  readonly token68?: string
  readonly parameters: Readonly<Record<string, string>>
}

/** Puts credentials on a request, and answers the server's challenge. */
export interface AuthStrategy {
  /** What it writes, e.g. `['header:authorization']` or `['query:api_key']`: for conflicts at creation, redirects and masking. */
  readonly places: readonly string[]
  /** Covers what others placed: applied last, at most one per request. */
  readonly signs?: boolean
  /** Needs the final bytes of the content; `'on-challenge'` only once the server asked. */
  readonly needsBody?: boolean | 'on-challenge'
  /** Fetch's credentials mode the Request must be made with; no strategy can change it later. */
  readonly credentials?: 'same-origin' | 'include'
  /** Whose credentials: a stable name that is no secret and no hash of one. Without it the pipeline gives the object an opaque id of its own. */
  readonly identity?: string
  authenticate(request: Request, attempt: Attempt): void | Promise<void>
  /** Learns from the answer; a reason asks for one more attempt at once. Each reason is honoured once per request. */
  onResponse?(answer: Answer, attempt: Attempt): Awaitable<ReplayReason | void>
}

/** One try on the wire. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number
  /** The reasons for which this request was replayed so far: none of them is honoured again. One list for all its attempts. */
  readonly honoured: readonly ReplayReason[]
  readonly url: URL
  /** The only way to change the URL; the pipeline builds the Request again from the body's source, so its length stays known. */
  setUrl(url: URL): void
  /** The final bytes of the content; present when the strategy declared `needsBody`. */
  readonly body?: Bytes
  /** The only way to change the content, for schemes that carry a nonce or a signature in it. */
  setBody(body: Bytes): void
  readonly signal: AbortSignal
  /** Milliseconds since the epoch, by the server's clock. The only clock a strategy may read. */
  now(): number
  /**
   * The server's own word on what time it is there, in milliseconds since the epoch, where the scheme tells it and it can be
   * believed. More than a day off is not. True when another attempt would be signed with another time.
   */
  correct(now: number): boolean
  /**
   * How to say what was signed, should the server refuse it and somebody ask with `explain()`. `said` is the text of the
   * server's answer, where it can still be read. What other strategies placed is taken out of it afterwards, the rest is yours.
   */
  explain(make: (said: string) => Awaitable<Explanation>): void
  /** Tells `onEvent` what only the strategy knows. Never put a secret in an event. */
  report(event: ClientEvent): void
}

/** What the credentials of a refused request were made from. No secret is in it. */
export interface Explanation {
  /** The request in the form that the scheme gives it, where it has one of several lines. */
  readonly canonicalRequest?: string
  readonly stringToSign: string
  /** Where the server sent its own: the lines that differ, ours after `-` and the server's after `+`. Empty when none do, so that it must be the secret. */
  readonly difference?: string
}

/** What came back, as a strategy or limiter may see it. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The URL as the caller may see it: without what the strategies placed in it. */
  readonly url: URL
  /** At most 64 KiB of the body as text; the caller still receives it unread. */
  peek(): Promise<string>
  /** All bytes of the body, as the platform decoded it; undefined for more than `most`, 64 KiB unless given. The caller still receives it unread. */
  content(most?: number): Promise<Bytes | undefined>
}

/** Why another attempt at once may help. Each is honoured once per request. */
export type ReplayReason = 'invalid_token' | 'use_dpop_nonce' | 'clock_skew' | 'stale_nonce' | 'step_up' | (string & {})

export interface AccessToken {
  readonly value: Secret<string>
  readonly type: 'Bearer' | 'DPoP' | (string & {})
  /** Milliseconds since the epoch, by this machine's clock; absent when the server did not say. */
  readonly expiresAt?: number
  readonly scope?: string
  /** Present when the token is bound to a key: a fresh proof for this attempt. */
  readonly prove?: (attempt: Attempt, request: Request) => Promise<string>
}

export interface TokenContext {
  /** Where the token will be sent. */
  readonly origin: string
  readonly resource?: string
  /** Of this one caller: its abort must not fail others who wait for the same token. */
  readonly signal: AbortSignal
  now(): number
  report(event: ClientEvent): void
}

/** Gives a token now; told that one was refused, gives another. */
export interface TokenSource {
  token(context: TokenContext): Promise<AccessToken>
  /** False when nothing changed. A no-op when the current token is no longer the rejected one. */
  renew?(rejected: AccessToken, challenge: readonly Challenge[], context: TokenContext): Promise<boolean>
}

/** What an answer says of the API's version. */
export interface VersionNotice {
  /** The version that answered, in the server's words. */
  readonly version?: string
  /** Milliseconds since the epoch: deprecated since or from then on (RFC 9745). */
  readonly deprecatedAt?: number
  /** Milliseconds since the epoch: likely gone from then on (RFC 8594). */
  readonly sunsetAt?: number
  /** Where to read more, and what comes after: targets of `deprecation`, `sunset` and `successor-version` links (RFC 8288). */
  readonly links?: Readonly<Record<string, string>>
}

/** Asks for one version of an API, and notices what the answers say of it. */
export interface ApiVersion {
  ask(request: { readonly url: URL; readonly headers: Headers }): { readonly url: URL; readonly headers: Headers }
  /** Undefined when there is nothing new to tell. */
  seen(headers: Headers, url: URL): VersionNotice | undefined
}

declare const versionBrand: unique symbol
/** Opaque; new on every successful write, never used again. */
export type Version = string & { readonly [versionBrand]: true }

export interface Entry {
  readonly value: Bytes
  readonly version: Version
}

/** `ok: false` is a conflict: somebody else wrote; `current` is what stands there now. */
export type PutResult =
  | { readonly ok: true; readonly version: Version }
  | { readonly ok: false; readonly current: Entry | undefined }

/** Held while a lock's task runs. */
export interface Lease {
  /** Aborted when the lock may have passed to somebody else. Compare-and-set keeps a late write harmless. */
  readonly lost: AbortSignal
  /** Milliseconds until the lease may end, on a monotonic clock; Infinity where the holder's life is the lease. */
  remaining(): number
}

/** What a store really does; machine-readable, so that `requires` can fail closed. */
export interface StoreTraits {
  /** Names the back end, e.g. `'memory'`, `'indexed-db'`, `'secret-service'`. */
  readonly backend: string
  /** Who shares the records, and so the scope the lock must have. */
  readonly scope: 'realm' | 'origin' | 'user' | 'host' | 'fleet'
  /** What a resolved `put` survives. */
  readonly durability: 'none' | 'lazy' | 'process-crash' | 'power-loss'
  readonly atRest: 'none' | 'memory-only' | 'same-disk-key' | 'os-user' | 'passphrase' | 'external-key'
  /** Who ends the lock of a dead holder: the realm, the browser, the kernel, or a lease that runs out. */
  readonly lock: 'realm' | 'origin' | 'kernel' | 'lease'
  /** How `subscribe` hears of others: at once, by asking again and again, or not at all. */
  readonly notify: 'push' | 'poll' | 'none'
  /** Largest value in bytes; Infinity where only memory or disk end it. */
  readonly maxBytes: number
}

/** Where credentials rest: versioned bytes, compare-and-set, one lock. */
export interface CredentialStore {
  readonly traits: StoreTraits
  /** undefined only when the record certainly does not exist; anything else throws a StoreError. */
  get(id: string): Promise<Entry | undefined>
  /** `ifVersion` null = create only. A conflict is a value, not an exception. Durable when it resolves, also inside `lock()`. */
  put(id: string, value: Uint8Array, options: { ifVersion: Version | null }): Promise<PutResult>
  delete(id: string, options?: { ifVersion?: Version }): Promise<'deleted' | 'absent' | 'conflict'>
  /**
   * One holder per id; get and put of anyone never wait for it. `wait` is in milliseconds, 10 000 by default.
   * @throws StoreError `lock_timeout`
   */
  lock<T>(id: string, task: (lease: Lease) => Promise<T>, options?: { wait?: number; signal?: AbortSignal }): Promise<T>
  /** Called after a change by anyone this store can hear; never carries the value. Returns the way out. */
  subscribe?(id: string, listener: (change: { version: Version | null }) => void): () => void
  /** Get or create, atomically; goes with the record. Where absent, a session keeps a sealed JWK instead. */
  keyPair?(id: string, make: () => Promise<CryptoKeyPair>): Promise<CryptoKeyPair>
  /** What is known beyond the traits, for a bug report: plain values, no secret, and no id of a record. Stores inside are given as stores. */
  details?(): Awaitable<Readonly<Record<string, unknown>>>
}

/** A connected client of the `redis` package, or anything with the same `eval`. */
export interface RedisClient {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** A second connected client, e.g. `await client.duplicate().connect()`: one that listens can do nothing else. */
export interface RedisSubscriber {
  subscribe(channel: string, listener: (message: string) => unknown): Promise<unknown>
  unsubscribe(channel: string, listener: (message: string) => unknown): Promise<unknown>
}
