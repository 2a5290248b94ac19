import { isTimeout } from '../timing.ts'
import type { Answer } from '../types.ts'
import { backoff } from './backoff.ts'
import type { Budget } from './budget.ts'
import { classify, type RetryPolicy, retryWanted, type Verdict } from './classify.ts'
import { waitHint } from './hint.ts'

/** What one attempt came to. */
export interface Outcome {
  readonly verdict: Verdict
  readonly reason: 'throttled' | 'status' | 'network' | 'timeout'
  readonly status?: number
  /** Milliseconds the server asked to wait. */
  readonly hint?: number | undefined
  /** The server wants another attempt, whatever the method. */
  readonly wanted?: boolean | undefined
  readonly error?: unknown
  /** The answer, for the user's own rule. */
  readonly response?: () => Promise<Response>
}

// A server that refuses this often is not waited for any longer.
const MOST_REFUSALS = 10
// Milliseconds after the first refusal that came without a word when to come back. The built-in limiter knows better.
const BREATH = 50
// Limits that no wait lifts: a quota that was paid for and is used up, or a suspicion.
const TERMINAL = /"[^"]*(insufficient_quota|usage_limit_reached|billing_hard_limit_reached|abnormal-usage-detected)"/

/** How often one request may still be tried again. Refusals and failures have bounds of their own. */
export interface Patience {
  /** Failures tried again so far. */
  readonly retries: number
  /** Milliseconds until another attempt, or undefined when the outcome stands. Counts the attempt it allows. */
  delay(outcome: Outcome, repeatable: boolean, budget: Budget): Promise<number | undefined>
}

export function createPatience(policy: RetryPolicy, maxWait: number, deadlineAt: number): Patience {
  let retries = 0
  let refusals = 0
  return {
    get retries() {
      return retries
    },
    async delay(outcome, repeatable, budget) {
      const { verdict, hint, error } = outcome
      const throttled = verdict === 'throttled'
      const left = throttled ? policy.limit && MOST_REFUSALS - refusals : policy.limit - retries
      if (left <= 0 || !(throttled || repeatable || outcome.wanted)) return undefined
      if (policy.shouldRetry) {
        const response = await outcome.response?.()
        const decided = await policy.shouldRetry({ error, response, retryCount: retries + refusals + 1 })
        if (decided === false || (verdict === 'final' && !decided)) return undefined
      } else if (verdict === 'final') return undefined

      const delay = throttled ? (hint ?? BREATH * 2 ** refusals) : backoff(retries + 1, hint, policy)
      if ((hint ?? 0) > maxWait || performance.now() + delay > deadlineAt) return undefined
      if (throttled) refusals++
      else if (budget.spend()) retries++
      else return undefined
      return delay
    },
  }
}

/** What an answer means before the user's rule is asked; `refusal` is what a classifier said: milliseconds, or 0. */
export async function outcomeOf(
  answer: Pick<Answer, 'status' | 'headers' | 'peek'>,
  policy: RetryPolicy,
  refusal?: number,
): Promise<Outcome> {
  const { status, headers } = answer
  const verdict = refusal === undefined ? classify(answer, policy.statusCodes) : 'throttled'
  const terminal =
    verdict === 'throttled' && /json/.test(headers.get('content-type') ?? '') && TERMINAL.test(await answer.peek())
  return {
    verdict: terminal ? 'final' : verdict,
    reason: verdict === 'throttled' ? verdict : 'status',
    status,
    hint: refusal || waitHint(headers),
    wanted: retryWanted(answer),
  }
}

/** What a failure of the transport means. */
export function outcomeOfFailure(error: unknown, policy: RetryPolicy): Outcome {
  const timeout = isTimeout(error)
  return {
    verdict: timeout && !policy.retryOnTimeout ? 'final' : 'transient',
    reason: timeout ? 'timeout' : 'network',
    error,
  }
}
