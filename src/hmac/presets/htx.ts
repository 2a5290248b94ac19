import type { AuthStrategy } from '../../types.ts'
import { sorted } from '../canonical.ts'
import { hmac, type KeyOptions } from '../hmac.ts'

/**
 * HTX, formerly Huobi: HMAC-SHA256 over method, host, path and sorted query, a line each; all of it travels in the query.
 *
 * The content is not covered.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function htx(key: KeyOptions): AuthStrategy {
  return hmac({
    ...key,
    hash: 'sha256',
    encoding: 'base64',
    timestamp: (now) => new Date(now).toISOString().slice(0, 19),
    needsBody: false,
    prepare: ({ keyId, timestamp }) => ({
      query: { AccessKeyId: keyId, SignatureMethod: 'HmacSHA256', SignatureVersion: '2', Timestamp: timestamp },
    }),
    message: ({ method, host, path, url }) => [method, host, path, sorted(url.searchParams)].join('\n'),
    place: ({ signature }) => ({ query: { Signature: signature } }),
  })
}
