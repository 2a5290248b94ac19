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
export class Patience {
  retries = 0
  refusals = 0
  readonly #policy: RetryPolicy
  readonly #maxWait: number
  readonly #deadlineAt: number

  constructor(policy: RetryPolicy, maxWait: number, deadlineAt: number) {
    this.#policy = policy
    this.#maxWait = maxWait
    this.#deadlineAt = deadlineAt
  }

  /** Milliseconds until another attempt, or undefined when the outcome stands. Counts the attempt it allows. */
  async delay(outcome: Outcome, repeatable: boolean, budget: Budget): Promise<number | undefined> {
    const retry = this.#policy
    const throttled = outcome.verdict === 'throttled'
    const left = throttled ? retry.limit && MOST_REFUSALS - this.refusals : retry.limit - this.retries
    if (left <= 0 || !(throttled || repeatable)) return undefined
    const decided = await retry.shouldRetry?.({
      error: outcome.error,
      response: await outcome.response?.(),
      retryCount: this.retries + this.refusals + 1,
    })
    if (!(decided ?? outcome.verdict !== 'final')) return undefined

    const { hint } = outcome
    const delay = throttled ? (hint ?? BREATH) : backoff(this.retries + 1, hint, retry)
    if ((hint ?? 0) > this.#maxWait || performance.now() + delay > this.#deadlineAt) return undefined
    if (throttled) this.refusals++
    else if (budget.spend()) this.retries++
    else return undefined
    return delay
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
