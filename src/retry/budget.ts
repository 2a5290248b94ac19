// A token bucket over all calls of a scope: when everything fails, retries stop, and first attempts go on.
// Waits for a rate limit take nothing: the gate already holds them back.

const CAPACITY = 500
const RETRY_COST = 14

export interface Budget {
  /** False when the bucket is empty: do not retry. */
  spend(): boolean
  /** After a success; one that needed retries gives back what they cost. */
  earn(retries: number): void
}

export function createBudget(): Budget {
  let tokens = CAPACITY
  return {
    spend() {
      if (tokens < RETRY_COST) return false
      tokens -= RETRY_COST
      return true
    },
    earn(retries) {
      tokens = Math.min(CAPACITY, tokens + (retries ? retries * RETRY_COST : 1))
    },
  }
}
