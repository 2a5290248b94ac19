import { backoff } from './backoff.ts'
import type { Budget } from './budget.ts'
import { classify, type RetryPolicy, type Verdict } from './classify.ts'
import { waitHint } from './hint.ts'

/** What one attempt came to. */
export interface Outcome {
  readonly verdict: Verdict
  readonly reason: 'throttled' | 'status' | 'network' | 'timeout'
  readonly status?: number
  /** Milliseconds the server asked to wait. */
  readonly hint?: number | undefined
  readonly error?: unknown
  /** The answer, for the user's own rule. */
  readonly response?: () => Promise<Response>
}

// A server that refuses this often is not waited for any longer.
const MOST_REFUSALS = 10
// Milliseconds after a refusal that came without a word when to come back.
const BREATH = 300

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
      if (left <= 0 || !(throttled || repeatable)) return undefined
      if (policy.shouldRetry) {
        const response = await outcome.response?.()
        const decided = await policy.shouldRetry({ error, response, retryCount: retries + refusals + 1 })
        if (decided === false || (verdict === 'final' && !decided)) return undefined
      } else if (verdict === 'final') return undefined

      const delay = throttled ? (hint ?? BREATH) : backoff(retries + 1, hint, policy)
      if ((hint ?? 0) > maxWait || performance.now() + delay > deadlineAt) return undefined
      if (throttled) refusals++
      else if (budget.spend()) retries++
      else return undefined
      return delay
    },
  }
}

/** What an answer means before anybody is asked. */
export function outcomeOf(answer: { status: number; headers: Headers }, policy: RetryPolicy): Outcome {
  const verdict = classify(answer, policy.statusCodes)
  const reason = verdict === 'throttled' ? verdict : 'status'
  return { verdict, reason, status: answer.status, hint: waitHint(answer.headers) }
}

/** What a failure of the transport means. */
export function outcomeOfFailure(error: unknown, policy: RetryPolicy): Outcome {
  const timeout = error instanceof DOMException && error.name === 'TimeoutError'
  return {
    verdict: timeout && !policy.retryOnTimeout ? 'final' : 'transient',
    reason: timeout ? 'timeout' : 'network',
    error,
  }
}
