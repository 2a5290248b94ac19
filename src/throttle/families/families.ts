import { type ReadQuota, readQuota } from '../header-fields.ts'
import * as atlassian from './atlassian.ts'
import type { Family } from './family.ts'
import * as languageModels from './language-models.ts'
import * as others from './others.ts'
import * as shops from './shopify.ts'

export type { QuotaReading, ReadQuota } from '../header-fields.ts'
export * from './atlassian.ts'
export { type BucketLimiterOptions, bucketLimiter } from './bucket-limiter.ts'
export * from './buckets.ts'
export type { Family } from './family.ts'
export * from './language-models.ts'
export * from './others.ts'
export * from './shopify.ts'

/**
 * One row an API. What is not here sends what is read of every answer: Brave Search, Rocket.Chat, Vimeo; or says only how
 * long to wait: AWS, Cosmos DB, Stripe.
 */
export const table: readonly Family[] = [languageModels, others, shops, atlassian].flatMap((rows) =>
  Object.values<Family>(rows),
)

/**
 * Knows by the fields of an answer which API it comes from, and reads it as that API means it; any other answer as without it.
 * @example
 * const api = createClient({ baseUrl, auth, quota: families })
 */
export const families: ReadQuota = (headers, status, now, peek) =>
  (table.find(({ sent }) => sent(headers)) ?? readQuota)(headers, status, now, peek)
