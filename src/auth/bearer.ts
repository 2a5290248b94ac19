import { type Credential, checkCredential, fitForHeader, readCredential } from '../credential.ts'
import { isSecret } from '../secret.ts'
import { tokenStrategy } from '../token.ts'
import type { AuthStrategy, TokenSource } from '../types.ts'

export interface BearerOptions {
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

/**
 * A bearer token in `Authorization` (RFC 6750, section 2.1): a text, a Secret, a function asked for each attempt, or a TokenSource,
 * which is asked to renew a token that the server refused. A grant of `latchkey/oauth` needs no `bearer` around it.
 * @throws CredentialError `credential_invalid`
 */
export function bearer(source: Credential | TokenSource, options: BearerOptions = {}): AuthStrategy {
  if (typeof source === 'object' && !isSecret(source)) return tokenStrategy(source, options)
  checkCredential(source, 'token', fitForHeader)
  const { identity } = options
  return {
    places: ['header:authorization'],
    ...(identity && { identity }),
    authenticate(request) {
      const write = (token: string) => request.headers.set('authorization', `Bearer ${token}`)
      const token = readCredential(source, 'token', fitForHeader)
      return typeof token === 'string' ? write(token) : token.then(write)
    },
  }
}
