import type { Credential } from '../../credential.ts'
import type { AuthStrategy } from '../../types.ts'
import { base64Digest } from '../canonical.ts'
import { hmac, type KeyOptions } from '../hmac.ts'

export interface AzureHmacOptions extends Omit<KeyOptions, 'keyId'> {
  /** The id of the access key: App Configuration has one, Communication Services none. Default none. */
  keyId?: Credential
}

/**
 * Azure App Configuration and Communication Services: HMAC-SHA256 over method, target, date, host and hash of the content; the secret is base64.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function azureHmac(key: AzureHmacOptions): AuthStrategy {
  return hmac({
    ...key,
    secretEncoding: 'base64',
    hash: 'sha256',
    encoding: 'base64',
    timestamp: 'rfc1123',
    prepare: async ({ timestamp, body }) => ({
      headers: { 'x-ms-date': timestamp, 'x-ms-content-sha256': await base64Digest('sha256', body) },
    }),
    message: ({ method, target, timestamp, host, headers }) =>
      `${method}\n${target}\n${timestamp};${host};${headers.get('x-ms-content-sha256')}`,
    place: ({ keyId, signature }) => ({
      headers: {
        authorization: `HMAC-SHA256 ${keyId && `Credential=${keyId}&`}SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`,
      },
    }),
    places: ['header:x-ms-date', 'header:x-ms-content-sha256', 'header:authorization'],
  })
}
