import type { AuthStrategy } from '../../types.ts'
import { hmac, type KeyOptions, type NonceFormat } from '../hmac.ts'

export interface BitstampOptions extends KeyOptions {
  /** Default `'uuid'`: 36 characters, used once in 150 seconds. */
  nonce?: NonceFormat
}

/**
 * Bitstamp, version 2: HMAC-SHA256 over key, method, host, target, media type, nonce, timestamp, version and content.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function bitstamp({ nonce = 'uuid', ...key }: BitstampOptions): AuthStrategy {
  return hmac({
    ...key,
    hash: 'sha256',
    encoding: 'hex',
    timestamp: 'ms',
    nonce,
    message(facts) {
      const { keyId, method, host, target, headers, timestamp, body } = facts
      const type = (body.length && headers.get('content-type')) || ''
      return [`BITSTAMP ${keyId}${method}${host}${target}${type}${facts.nonce}${timestamp}v2`, body]
    },
    place: (facts) => ({
      headers: {
        'X-Auth': `BITSTAMP ${facts.keyId}`,
        'X-Auth-Nonce': facts.nonce,
        'X-Auth-Timestamp': facts.timestamp,
        'X-Auth-Version': 'v2',
        'X-Auth-Signature': facts.signature,
      },
    }),
  })
}
