import type { RetryPolicy } from './classify.ts'

/** Milliseconds before retry `retryCount`, from 1: a random part of an exponential delay, never less than the server asked for. */
export function backoff(retryCount: number, hint: number | undefined, policy: RetryPolicy): number {
  const own = Math.min(policy.backoffLimit, Math.max(0, policy.delay(retryCount)))
  const spread = jittered(own, policy.jitter)
  return hint === undefined ? spread : Math.max(hint + positiveJitter(hint), spread)
}

/** A little more than asked, so that clients who were told the same do not come back at the same moment. */
export function positiveJitter(wait: number): number {
  return Math.random() * Math.min(wait * 0.1, 1000)
}

function jittered(delay: number, jitter: RetryPolicy['jitter']): number {
  if (typeof jitter !== 'function') return jitter ? Math.random() * delay : delay
  const own = jitter(delay)
  return own >= 0 && Number.isFinite(own) ? own : delay
}
