import type { AuthStrategy } from '../../types.ts'
import { decoded, hexDigest } from '../canonical.ts'
import { hmac, type KeyOptions } from '../hmac.ts'

/**
 * Gate, version 4: HMAC-SHA512 over method, path, decoded query, hash of the content and timestamp, a line each.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function gate(key: KeyOptions): AuthStrategy {
  return hmac({
    ...key,
    hash: 'sha512',
    encoding: 'hex',
    message: async ({ method, path, query, body, timestamp }) =>
      [method, path, decoded(query), await hexDigest('sha512', body), timestamp].join('\n'),
    place: ({ keyId, timestamp, signature }) => ({ headers: { KEY: keyId, SIGN: signature, Timestamp: timestamp } }),
  })
}
