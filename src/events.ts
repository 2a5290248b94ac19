import type { ErrorCode, StoreErrorCode } from './errors.ts'
import type { ReplayReason, VersionNotice, WaitReason } from './types.ts'

/** What happens to one request. Durations are in milliseconds. */
export type RequestEvent =
  /** An attempt leaves. `waited` counts since the request was made, or since the answer before. */
  | { readonly type: 'attempt'; readonly number: number; readonly waited: number }
  /** The head of an answer is here. */
  | { readonly type: 'response'; readonly number: number; readonly status: number; readonly duration: number }
  /** Held back before an attempt. A duration of Infinity means: until another call ends. */
  | { readonly type: 'wait'; readonly reason: WaitReason; readonly duration: number }
  /** Will be tried again after `delay`, at the earliest. */
  | {
      readonly type: 'retry'
      readonly number: number
      readonly delay: number
      readonly reason: 'throttled' | 'status' | 'network' | 'timeout'
      readonly status?: number
    }
  /** Will be tried again at once, with other credentials or at another URL. */
  | { readonly type: 'replay'; readonly number: number; readonly reason: ReplayReason | 'redirect' }
  /** The API told its version, or that what was asked for will be gone: with the option `version` only. */
  | ({ readonly type: 'version' } & VersionNotice)
  /** Once for each origin: a 429 came, and the server does not expose to pages when to come back (`Access-Control-Expose-Headers`). */
  | { readonly type: 'warning'; readonly code: 'headers_hidden'; readonly expose: string }
  /**
   * Once for each origin: credentials that carry a time were refused, and nothing tells the server's own, neither `Date`, which pages see only
   * where it is exposed, nor the option `clock`.
   */
  | { readonly type: 'warning'; readonly code: 'clock_unknown' }
  /** The last word on a request: the status of the answer that its caller got, or what was thrown. */
  | {
      readonly type: 'end'
      readonly attempts: number
      /** From the call to the head of the answer, waits included. */
      readonly duration: number
      readonly status?: number
      readonly error?: ErrorCode | 'aborted' | 'timeout' | 'network'
    }

/** A token was renewed, or could not be; `duration` is in milliseconds. */
export interface RenewEvent {
  readonly type: 'renew'
  readonly outcome: 'renewed' | 'failed'
  readonly duration: number
  /** The error's code. */
  readonly code?: string
}

/** A renewed token could not be written to its store. It is used, and written before the next renewal. */
interface UnsavedEvent {
  readonly type: 'unsaved'
  /** The error's code. */
  readonly code: StoreErrorCode
}

/** The server no longer takes the refresh token. Told once: what is left are access tokens until they end. */
interface SessionEndedEvent {
  readonly type: 'session_ended'
  readonly reason: 'refused' | 'answer_lost'
}

interface OfRequest {
  /** Tells the requests of one client apart. */
  readonly id: number
  readonly method: string
  /** Origin and path; never the query. */
  readonly url: string
}

/** What a client tells its `onEvent`. No event holds a secret. */
export type ClientEvent = (OfRequest & RequestEvent) | RenewEvent | UnsavedEvent | SessionEndedEvent

export type OnEvent = (event: ClientEvent) => void
