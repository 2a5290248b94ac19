import { notEmpty } from '../credential.ts'
import { CredentialError } from '../errors.ts'

// User names and passwords, as Basic and Digest take them.

/** @throws CredentialError `credential_invalid` */
export function fitForName(value: string, what: string): string {
  if (notEmpty(value, what).includes(':'))
    throw new CredentialError('credential_invalid', '`username` must not hold a colon (RFC 7617, section 2).')
  return fitForPassword(value, what)
}

/** @throws CredentialError `credential_invalid` */
export function fitForPassword(value: string, what: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 7617, section 2 forbids exactly these
  if (typeof value !== 'string' || /[\x00-\x1f\x7f]/.test(value))
    throw new CredentialError(
      'credential_invalid',
      `\`${what}\` must be a text without control characters. Does it end in a newline?`,
    )
  return value
}
