import { LatchkeyError, type SignatureErrorCode } from '../errors.ts'

/** A message cannot be signed so, or was not verified. The code says why; nothing holds a secret or a value of the message. */
export class SignatureError extends LatchkeyError {
  declare readonly code: SignatureErrorCode

  constructor(code: SignatureErrorCode, message: string) {
    super(code, message)
    this.name = 'SignatureError'
  }
}

export function invalid(message: string): LatchkeyError {
  return new LatchkeyError('invalid_option', message)
}
