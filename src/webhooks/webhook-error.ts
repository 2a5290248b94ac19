import { LatchkeyError, type WebhookErrorCode } from '../errors.ts'

/** A delivery was not verified: answer it with 400 or 401, and do nothing else. The code says why; nothing holds a secret. */
export class WebhookError extends LatchkeyError {
  declare readonly code: WebhookErrorCode

  constructor(code: WebhookErrorCode, message: string) {
    super(code, message)
    this.name = 'WebhookError'
  }
}
