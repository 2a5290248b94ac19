/** What one answer said of one quota. Absent is what the server did not say. */
export interface QuotaReading {
  /** The name the server gives it; `'default'` where it gives none. */
  readonly policy: string
  /** Whom it is counted for, where the server tells several apart. */
  readonly partition?: string
  readonly unit: 'requests' | 'content-bytes' | 'concurrent-requests' | 'tokens' | (string & {})
  readonly limit?: number
  readonly remaining?: number
  /** Milliseconds from the answer until there is more; at most 2^31 - 1, the longest a timer can wait. */
  readonly resetAfter?: number
  /** Milliseconds in which `limit` is granted once. */
  readonly window?: number
  /** The header field that said so, in lower case. */
  readonly source: string
}

/**
 * Reads what an answer says of quotas. `now` is in milliseconds since the epoch; `peek` gives the beginning of the content,
 * where the caller can. A promise comes back only where something must be loaded or peeked at first.
 */
export type ReadQuota = (
  headers: Headers,
  status: number,
  now: number,
  peek?: () => Promise<string>,
) => readonly QuotaReading[] | Promise<readonly QuotaReading[]>
