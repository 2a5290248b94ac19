import { type Credential, checkCredential, readCredential } from '../credential.ts'
import { base64, utf8 } from '../crypto/bytes.ts'
import type { AuthStrategy } from '../types.ts'
import { fitForName, fitForPassword } from './user.ts'

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
  checkCredential(username, 'username', fitForName)
  checkCredential(password, 'password', fitForPassword)
  return {
    places: ['header:authorization'],
    ...(identity && { identity }),
    authenticate(request) {
      const user = readCredential(username, 'username', fitForName)
      const pass = readCredential(password, 'password', fitForPassword)
      if (typeof user === 'string' && typeof pass === 'string') return write(request, user, pass)
      return Promise.all([user, pass]).then(([u, p]) => write(request, u, p))
    },
  }
}

function write(request: Request, user: string, pass: string): void {
  request.headers.set('authorization', `Basic ${base64(utf8(`${user}:${pass}`))}`)
}
