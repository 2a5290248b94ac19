import type { Credential } from '../../credential.ts'
import type { AuthStrategy } from '../../types.ts'
import { hmac, type KeyOptions } from '../hmac.ts'

export interface CoinbaseExchangeOptions extends KeyOptions {
  passphrase: Credential
}

/**
 * Coinbase Exchange: HMAC-SHA256 over timestamp, method, target and content; the secret is base64.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function coinbaseExchange({ passphrase, ...key }: CoinbaseExchangeOptions): AuthStrategy {
  return hmac({
    ...key,
    credentials: { passphrase },
    secretEncoding: 'base64',
    hash: 'sha256',
    encoding: 'base64',
    message: ({ timestamp, method, target, body }) => [timestamp, method, target, body],
    place: ({ keyId, timestamp, signature, credentials }) => ({
      headers: {
        'CB-ACCESS-KEY': keyId,
        'CB-ACCESS-SIGN': signature,
        'CB-ACCESS-TIMESTAMP': timestamp,
        'CB-ACCESS-PASSPHRASE': credentials.passphrase,
      },
    }),
  })
}
