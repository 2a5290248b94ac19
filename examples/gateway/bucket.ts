/** A token bucket, and what it says of itself in the RateLimit fields (draft-ietf-httpapi-ratelimit-headers). */
export interface Bucket {
  /** False when the request must come back later. */
  take(): boolean
  fields(): Record<string, string>
}

export function createBucket(perSecond: number, burst: number): Bucket {
  let tokens = burst
  let last = performance.now()
  const refill = () => {
    const now = performance.now()
    tokens = Math.min(burst, tokens + ((now - last) / 1000) * perSecond)
    last = now
  }
  return {
    take() {
      refill()
      if (tokens < 1) return false
      tokens--
      return true
    },
    fields() {
      refill()
      const wait = tokens < 1 ? Math.ceil((1 - tokens) / perSecond) : 1
      return {
        'ratelimit-policy': `"demo";q=${burst};w=${Math.ceil(burst / perSecond)}`,
        ratelimit: `"demo";r=${Math.floor(tokens)};t=${wait}`,
        ...(tokens < 1 && { 'retry-after': String(wait) }),
      }
    },
  }
}
