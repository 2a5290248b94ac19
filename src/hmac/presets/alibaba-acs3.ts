import type { Credential } from '../../credential.ts'
import type { AuthStrategy } from '../../types.ts'
import { canonicalHeaders, hexDigest, sorted } from '../canonical.ts'
import { type Facts, hmac, type KeyOptions, type NonceFormat } from '../hmac.ts'

export interface AlibabaAcs3Options extends KeyOptions {
  /** Of temporary credentials. Default none. */
  token?: Credential
  /** Default `'hex'`. */
  nonce?: NonceFormat
}

/**
 * Alibaba Cloud, signature version 3 (`ACS3-HMAC-SHA256`). Set `x-acs-action` and `x-acs-version` yourself.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function alibabaAcs3({ token, nonce = 'hex', ...key }: AlibabaAcs3Options): AuthStrategy {
  return hmac({
    ...key,
    credentials: { ...(token && { token }) },
    hash: 'sha256',
    encoding: 'hex',
    timestamp: (now) => `${new Date(now).toISOString().slice(0, 19)}Z`,
    nonce,
    prepare: async (facts) => ({
      headers: {
        'x-acs-date': facts.timestamp,
        'x-acs-signature-nonce': facts.nonce,
        'x-acs-content-sha256': await hexDigest('sha256', facts.body),
        'x-acs-security-token': facts.credentials.token,
      },
    }),
    canonicalRequest(facts) {
      const { names, lines } = signedHeaders(facts)
      const { method, path, url, headers } = facts
      return [method, path, sorted(url.searchParams), lines, names, headers.get('x-acs-content-sha256')].join('\n')
    },
    message: async ({ canonicalRequest }) => `ACS3-HMAC-SHA256\n${await hexDigest('sha256', canonicalRequest)}`,
    place: (facts) => ({
      headers: {
        authorization: `ACS3-HMAC-SHA256 Credential=${facts.keyId},SignedHeaders=${signedHeaders(facts).names},Signature=${facts.signature}`,
      },
    }),
    places: [
      'header:x-acs-date',
      'header:x-acs-signature-nonce',
      'header:x-acs-content-sha256',
      'header:x-acs-security-token',
      'header:authorization',
    ],
  })
}

function signedHeaders({ headers, host }: Facts): { readonly names: string; readonly lines: string } {
  return canonicalHeaders(headers, host, /^(content-type$|x-acs-)/)
}
