/** What a limiter knows of an attempt that wants to leave. */
export interface LimitedCall {
  /** Quota scope: origin and identities of the strategies. Calls of one scope share gate and quota. */
  readonly scope: string
  readonly method: string
  /** Without query: no secret. */
  readonly url: string
  /** Counts the attempts of one request, from 1. */
  readonly attempt: number
  /** Grows with each request of the client; calls of one scope leave in this order. */
  readonly order: number
  readonly signal: AbortSignal
  /** Longest wait for a limit this caller accepts, in milliseconds. */
  readonly maxWait: number
  /** When this caller stops waiting for an answer, on the clock of `performance.now()`; Infinity without a deadline. */
  readonly deadlineAt: number
  /** How long a sent attempt may take, in milliseconds; Infinity without a timeout. */
  readonly timeout: number
  /** What it takes of a quota. Default 1. */
  readonly cost?: number
  /** Higher leaves first. Default 0. */
  readonly priority?: number
  /** The beginning of the answer's content, once there is one. */
  peek?(): Promise<string>
  /** Milliseconds the answer asks to wait, or 0, where the caller's own rule takes it for a refusal. */
  refused?(): number | undefined
  /** The limiter holds this call back: for `onEvent`. */
  waiting(reason: WaitReason, duration: number): void
}

/**
 * A refusal closed the gate; one call tries whether it is open again; as many as may be are in flight; the server's quota is
 * used up; a declared limit is; what was learned of a server that tells no quota is; others are first.
 */
export type WaitReason = 'gate' | 'probe' | 'concurrency' | 'quota' | 'declared' | 'pace' | 'queue'

/** What a limiter knows of one scope. */
export interface LimitState {
  readonly scope: string
  /** Calls that have left and are not answered yet. */
  readonly inFlight: number
  readonly waiting: number
  /** Milliseconds since the epoch: nothing leaves before. */
  readonly retryAt?: number
  /** The server's name for a quota; `'learned'` or `'declared'` where it did not name one. */
  readonly policy?: string
  readonly partition?: string
  /** What is counted: `'requests'`, `'concurrent-requests'`, `'tokens'` and the like. */
  readonly unit?: string
  readonly limit?: number
  readonly remaining?: number
  /** Milliseconds since the epoch: then there is more. */
  readonly resetAt?: number
  /** Milliseconds in which `limit` is granted once. */
  readonly window?: number
  /** The header field that said so; or `'learned'`, `'declared'`. */
  readonly source?: string
}

/** Decides when a request may leave, and learns from what comes back. A callback, so a slot cannot leak. */
export interface Limiter {
  /** @throws RateLimitError `rate_limited` when the wait is longer than the caller accepts. */
  run(call: LimitedCall, send: () => Promise<Response>): Promise<Response>
  limits?(): readonly LimitState[]
}
