import type { ReplayReason, WaitReason } from './types.ts'

interface OfRequest {
  /** Tells the requests of one client apart. */
  readonly id: number
  readonly method: string
  /** Origin and path; never the query. */
  readonly url: string
}

/** What a client tells its `onEvent`. Durations are in milliseconds; no event holds a secret. */
export type ClientEvent =
  /** An attempt leaves. `waited` counts since the request was made, or since the attempt before. */
  | (OfRequest & { readonly type: 'attempt'; readonly number: number; readonly waited: number })
  /** The head of an answer is here. */
  | (OfRequest & {
      readonly type: 'response'
      readonly number: number
      readonly status: number
      readonly duration: number
    })
  /** Held back before an attempt. A duration of Infinity means: until another call ends. */
  | (OfRequest & { readonly type: 'wait'; readonly reason: WaitReason; readonly duration: number })
  /** Will be tried again after `delay`, at the earliest. */
  | (OfRequest & {
      readonly type: 'retry'
      readonly number: number
      readonly delay: number
      readonly reason: 'throttled' | 'status' | 'network' | 'timeout'
      readonly status?: number
    })
  /** Will be tried again at once, with other credentials or at another URL. */
  | (OfRequest & { readonly type: 'replay'; readonly number: number; readonly reason: ReplayReason | 'redirect' })
  /** A token was renewed, or could not be. */
  | {
      readonly type: 'renew'
      readonly outcome: 'renewed' | 'failed'
      readonly duration: number
      readonly code?: string
    }

export type OnEvent = (event: ClientEvent) => void
