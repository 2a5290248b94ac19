import type { Credential } from '../../credential.ts'
import type { AuthStrategy } from '../../types.ts'
import { decoded } from '../canonical.ts'
import { hmac, type KeyOptions } from '../hmac.ts'

export interface BitgetOptions extends KeyOptions {
  passphrase: Credential
}

/**
 * Bitget, version 2: HMAC-SHA256 over timestamp, method, path with the decoded query, and content.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function bitget({ passphrase, ...key }: BitgetOptions): AuthStrategy {
  return hmac({
    ...key,
    credentials: { passphrase },
    hash: 'sha256',
    encoding: 'base64',
    timestamp: 'ms',
    message: ({ timestamp, method, path, query, body }) => [
      `${timestamp}${method}${path}${query && `?${decoded(query)}`}`,
      body,
    ],
    place: ({ keyId, timestamp, signature, credentials }) => ({
      headers: {
        'ACCESS-KEY': keyId,
        'ACCESS-SIGN': signature,
        'ACCESS-TIMESTAMP': timestamp,
        'ACCESS-PASSPHRASE': credentials.passphrase,
      },
    }),
  })
}
