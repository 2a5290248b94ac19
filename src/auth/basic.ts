import { type Credential, checkCredential, notEmpty, readCredential } from '../credential.ts'
import { base64, utf8 } from '../crypto/bytes.ts'
import { CredentialError } from '../errors.ts'
import type { AuthStrategy } from '../types.ts'

export interface BasicOptions {
  /** No colon: it ends the name. */
  username: Credential
  /** May be empty where the API takes the key as the name. */
  password: Credential | ''
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

/**
 * User name and password with every request: the Basic scheme in UTF-8 (RFC 7617, sections 2 and 2.1).
 * @throws CredentialError `credential_invalid`
 */
export function basic(options: BasicOptions): AuthStrategy {
  const { username, password, identity } = options
  checkCredential(username, 'username', name)
  checkCredential(password, 'password', text)
  return {
    places: ['header:authorization'],
    ...(identity && { identity }),
    authenticate(request) {
      const user = readCredential(username, 'username', name)
      const pass = readCredential(password, 'password', text)
      if (typeof user === 'string' && typeof pass === 'string') return write(request, user, pass)
      return Promise.all([user, pass]).then(([u, p]) => write(request, u, p))
    },
  }
}

function write(request: Request, user: string, pass: string): void {
  request.headers.set('authorization', `Basic ${base64(utf8(`${user}:${pass}`))}`)
}

function name(value: string, what: string): string {
  if (notEmpty(value, what).includes(':'))
    throw new CredentialError('credential_invalid', '`username` must not hold a colon (RFC 7617, section 2).')
  return text(value, what)
}

function text(value: string, what: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 7617, section 2 forbids exactly these
  if (typeof value !== 'string' || /[\x00-\x1f\x7f]/.test(value))
    throw new CredentialError(
      'credential_invalid',
      `\`${what}\` must be a text without control characters. Does it end in a newline?`,
    )
  return value
}
