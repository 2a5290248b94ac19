// What `latchkey` and `latchkey/fetch` have in common.
export { type ApiKeyOptions, apiKey } from './auth/api-key.ts'
export { type BasicOptions, basic } from './auth/basic.ts'
export { type BearerOptions, bearer } from './auth/bearer.ts'
export { type CookieSessionOptions, cookieSession } from './auth/cookie-session.ts'
export type { Credential } from './credential.ts'
export {
  CredentialError,
  type CredentialErrorCode,
  type ErrorCode,
  LatchkeyError,
  RateLimitError,
  StoreError,
  type StoreErrorCode,
} from './errors.ts'
export type { ClientEvent, OnEvent } from './events.ts'
export type { BodySource } from './http/body.ts'
export { explain } from './http/explanation.ts'
export { timeAt } from './http/time-at.ts'
export type { Auth, CreateOptions, RequestOptions } from './options.ts'
export type { RetryOptions, RetryState } from './retry/classify.ts'
export { isSecret, Secret } from './secret.ts'
export { memoryStore } from './storage/memory.ts'
export type { Limit } from './throttle/declared.ts'
export { createLimiter, type LimiterOptions } from './throttle/limiter.ts'
export { type RateLimit, rateLimitOf } from './throttle/rate-limit-of.ts'
export type { Lesson, Share } from './throttle/share.ts'
export type { Throttled } from './throttle/verdict.ts'
export type * from './types.ts'
