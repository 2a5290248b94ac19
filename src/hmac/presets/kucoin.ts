import type { Credential } from '../../credential.ts'
import type { AuthStrategy } from '../../types.ts'
import { decoded } from '../canonical.ts'
import { base64, hmac, type KeyOptions } from '../hmac.ts'

export interface KucoinOptions extends KeyOptions {
  passphrase: Credential
}

/**
 * KuCoin, key version 2: HMAC-SHA256 over timestamp, method, path with the decoded query, and content; the passphrase is sent as its MAC.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function kucoin({ passphrase, ...key }: KucoinOptions): AuthStrategy {
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
    place: async ({ keyId, timestamp, signature, credentials, mac }) => ({
      headers: {
        'KC-API-KEY': keyId,
        'KC-API-KEY-VERSION': '2',
        'KC-API-TIMESTAMP': timestamp,
        'KC-API-SIGN': signature,
        'KC-API-PASSPHRASE': base64(await mac(credentials.passphrase)),
      },
    }),
    places: ['key', 'key-version', 'timestamp', 'sign', 'passphrase'].map((name) => `header:kc-api-${name}`),
  })
}
