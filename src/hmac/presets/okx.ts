import type { Credential } from '../../credential.ts'
import type { AuthStrategy } from '../../types.ts'
import { hmac, type KeyOptions } from '../hmac.ts'

export interface OkxOptions extends KeyOptions {
  passphrase: Credential
}

/**
 * OKX: HMAC-SHA256 over timestamp, method, target and content.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function okx({ passphrase, ...key }: OkxOptions): AuthStrategy {
  return hmac({
    ...key,
    credentials: { passphrase },
    hash: 'sha256',
    encoding: 'base64',
    timestamp: 'iso',
    message: ({ timestamp, method, target, body }) => [timestamp, method, target, body],
    place: ({ keyId, timestamp, signature, credentials }) => ({
      headers: {
        'OK-ACCESS-KEY': keyId,
        'OK-ACCESS-SIGN': signature,
        'OK-ACCESS-TIMESTAMP': timestamp,
        'OK-ACCESS-PASSPHRASE': credentials.passphrase,
      },
    }),
  })
}
