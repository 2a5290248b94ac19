import type { Credential } from '../../credential.ts'
import type { AuthStrategy } from '../../types.ts'
import { canonicalHeaders, derived, hexDigest } from '../canonical.ts'
import { concat, type Facts, hmac, type KeyOptions, utf8 } from '../hmac.ts'

export interface TencentTc3Options extends KeyOptions {
  /** Of temporary credentials. Default none. */
  token?: Credential
  /** E.g. `'cvm'`. Default: the first label of the host. */
  service?: string
}

const FORM = 'application/x-www-form-urlencoded'

/**
 * Tencent Cloud, signature version 3 (`TC3-HMAC-SHA256`). Set `X-TC-Action`, `X-TC-Version` and `X-TC-Region` yourself.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function tencentTc3({ token, service, ...key }: TencentTc3Options): AuthStrategy {
  const scopeOf = ({ now, host }: Facts): string =>
    `${new Date(now).toISOString().slice(0, 10)}/${service ?? host.split('.')[0]}/tc3_request`
  return hmac({
    ...key,
    credentials: { ...(token && { token }) },
    hash: 'sha256',
    encoding: 'hex',
    prepare: ({ timestamp, headers, credentials }) => ({
      headers: {
        'X-TC-Timestamp': timestamp,
        ...(token && { 'X-TC-Token': credentials.token }),
        // The scheme always covers the media type, also of a request without content.
        'Content-Type': headers.get('content-type') ?? FORM,
      },
    }),
    key: (secret, facts) => derived(concat(utf8('TC3'), secret), ...scopeOf(facts).split('/')),
    keyScope: scopeOf,
    async canonicalRequest(facts) {
      const { names, lines } = signedHeaders(facts)
      const { method, path, query, body } = facts
      return [method, path, query, lines, names, await hexDigest('sha256', body)].join('\n')
    },
    message: async (facts) =>
      `TC3-HMAC-SHA256\n${facts.timestamp}\n${scopeOf(facts)}\n${await hexDigest('sha256', facts.canonicalRequest)}`,
    place: (facts) => ({
      headers: {
        authorization: `TC3-HMAC-SHA256 Credential=${facts.keyId}/${scopeOf(facts)}, SignedHeaders=${signedHeaders(facts).names}, Signature=${facts.signature}`,
      },
    }),
  })
}

function signedHeaders({ headers, host }: Facts): { readonly names: string; readonly lines: string } {
  const { names, lines } = canonicalHeaders(headers, host, /^(content-type|x-tc-action)$/)
  return { names, lines: lines.toLowerCase() }
}
