/** Every way Latchkey itself says no. */
export type ErrorCode =
  | 'invalid_option'
  | CredentialErrorCode
  | 'body_not_replayable'
  | 'redirect_refused'
  | 'too_many_redirects'
  | 'rate_limited'
  | 'circuit_open'
  | StoreErrorCode
  | OAuthErrorCode
  | WebhookErrorCode
  | SignatureErrorCode

export type CredentialErrorCode =
  | 'credential_invalid'
  | 'credential_unavailable'
  | 'credential_conflict'
  | 'origin_not_allowed'
  | 'insecure_url'
  | 'challenge_refused'
  | 'server_not_proven'
  | 'runtime_unsupported'

/** Each is a verdict: try later, mend the configuration, sign in again, or ask the user. */
export type OAuthErrorCode =
  | 'token_unavailable'
  | 'client_misconfigured'
  | 'issuer_invalid'
  | 'callback_invalid'
  | 'session_ended'
  | 'interaction_required'

export type StoreErrorCode =
  | 'unavailable'
  | 'locked'
  | 'corrupt'
  | 'key_mismatch'
  | 'quota'
  | 'too_large'
  | 'lock_timeout'
  | 'closed'
  | 'requirement_not_met'

export type WebhookErrorCode =
  | 'signature_missing'
  | 'signature_invalid'
  | 'timestamp_missing'
  | 'timestamp_out_of_tolerance'
  | 'content_unreadable'

export type SignatureErrorCode =
  | 'signature_missing'
  | 'signature_malformed'
  | 'signature_unacceptable'
  | 'signature_expired'
  | 'signature_invalid'
  | 'component_unavailable'
  | 'key_unknown'
  | 'nonce_refused'
  | 'digest_mismatch'
  | 'content_unreadable'

/** Base of all errors of Latchkey. The message says what to do next; no field holds a secret. */
export class LatchkeyError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string) {
    super(message)
    this.name = 'LatchkeyError'
    this.code = code
  }
}

/** Credentials could not be had, placed, or sent there. */
export class CredentialError extends LatchkeyError {
  declare readonly code: CredentialErrorCode

  constructor(code: CredentialErrorCode, message: string) {
    super(code, message)
    this.name = 'CredentialError'
  }
}

/** Held back here: the wait for the server's limit is longer than the caller accepts, so no request was sent. */
export class RateLimitError extends LatchkeyError {
  declare readonly code: 'rate_limited'
  /** Milliseconds since the epoch: not before. */
  readonly retryAt: number
  /** Milliseconds from now. */
  readonly retryAfter: number
  /** Origin and identities that are limited. */
  readonly scope: string
  /** The answer that set the limit, where there was one. */
  readonly status: number | undefined
  /** The quota that is used up, by the server's name. */
  readonly policy: string | undefined

  constructor(options: {
    retryAfter: number
    scope: string
    status?: number | undefined
    policy?: string | undefined
    reason: string
  }) {
    const seconds = Math.ceil(options.retryAfter / 1000)
    super('rate_limited', `Held back: ${options.reason}. Try again in ${seconds} s, or raise \`maxWait\`.`)
    this.name = 'RateLimitError'
    this.retryAfter = options.retryAfter
    this.retryAt = Date.now() + options.retryAfter
    this.scope = options.scope
    this.status = options.status
    this.policy = options.policy
  }
}

/** A store could not read, write or lock. Never means that the record is absent. */
export class StoreError extends LatchkeyError {
  declare readonly code: StoreErrorCode
  /** The back end that failed, as its traits name it. */
  readonly backend: string

  constructor(code: StoreErrorCode, backend: string, message: string) {
    super(code, message)
    this.name = 'StoreError'
    this.backend = backend
  }
}

/** The authorization server gave no token. What it said is kept as a code; nothing it wrote is quoted. */
export class OAuthError extends LatchkeyError {
  declare readonly code: OAuthErrorCode
  /** True when the same request may succeed later: nothing was lost, no credential is wrong. */
  readonly retryable: boolean
  /** The `error` code of the server (RFC 6749, section 5.2), where it sent one. */
  readonly error: string | undefined
  readonly status: number | undefined
  /** Milliseconds since the epoch: the server asked not to come back before. */
  readonly retryAt: number | undefined
  /** Why a session ended, where more is known: `'answer_lost'` when an answer never arrived that held the next refresh token. */
  readonly reason: 'refused' | 'answer_lost' | undefined

  constructor(
    code: OAuthErrorCode,
    message: string,
    details: {
      error?: string | undefined
      status?: number | undefined
      retryAt?: number | undefined
      reason?: 'refused' | 'answer_lost' | undefined
    } = {},
  ) {
    super(code, message)
    this.name = 'OAuthError'
    this.retryable = code === 'token_unavailable'
    this.error = details.error
    this.status = details.status
    this.retryAt = details.retryAt
    this.reason = details.reason
  }
}

/** What ended a request without an answer, in one word. */
export function errorCode(
  error: unknown,
  signal: AbortSignal | undefined,
): ErrorCode | 'aborted' | 'timeout' | 'network' {
  if (error instanceof LatchkeyError) return error.code
  if ((error as Error | undefined)?.name === 'TimeoutError') return 'timeout'
  return signal?.aborted ? 'aborted' : 'network'
}
