import type { QuotaReading } from './header-fields.ts'

/** What one answer taught about a scope, for others that share its quota. */
export interface Lesson {
  /** Milliseconds since the epoch when it was learned, by this machine's clock. */
  readonly at: number
  /** Milliseconds since the epoch: nothing leaves before, because of an answer with this status. */
  readonly retryAt?: number
  readonly status?: number
  readonly readings?: readonly QuotaReading[]
}

/** The seam to others with the same credentials: the limiter tells each lesson, and takes what it hears as its own. */
export interface Share {
  tell(scope: string, lesson: Lesson): void
  hear(listener: (scope: string, lesson: Lesson) => void): void
}
