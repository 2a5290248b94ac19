import { RateLimitError } from '../errors.ts'
import { classify } from '../retry/classify.ts'
import { waitHint } from '../retry/hint.ts'
import { readQuota } from './header-fields.ts'

/** A limit that ended a request. */
export interface RateLimit {
  /** False: held back here, nothing was sent. */
  readonly sent: boolean
  /** Milliseconds from now; absent when the server did not say. */
  readonly retryAfter?: number
  /** Milliseconds since the epoch: not before. */
  readonly retryAt?: number
  readonly status?: number
  /** The quota that is used up, by the server's name. */
  readonly policy?: string
}

/** The limit behind an error or a Response, ours or the server's; undefined when it is none. `createFetch` returns a final 429 as a Response. */
export function rateLimitOf(error: unknown): RateLimit | undefined {
  if (error instanceof RateLimitError) {
    const { retryAt, status, policy } = error
    return {
      sent: false,
      retryAt,
      retryAfter: Math.max(0, retryAt - Date.now()),
      ...(status !== undefined && { status }),
      ...(policy !== undefined && { policy }),
    }
  }
  const response = error instanceof Response ? error : (Object(error) as { response?: unknown }).response
  if (!(response instanceof Response)) return undefined
  const { status, headers } = response
  const hint = waitHint(headers)
  if (
    classify(response, [429]) !== 'throttled' &&
    status !== 429 &&
    !([413, 503].includes(status) && hint !== undefined)
  )
    return undefined
  const readings = readQuota(headers, status, Date.now())
  const exhausted = (Array.isArray(readings) ? readings : []).find(({ remaining }) => remaining === 0)
  const retryAfter = hint ?? exhausted?.resetAfter
  return {
    sent: true,
    status,
    ...(retryAfter !== undefined && { retryAfter, retryAt: Date.now() + retryAfter }),
    ...(exhausted && { policy: exhausted.policy }),
  }
}
