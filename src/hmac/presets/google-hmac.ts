import { percentEncode } from '../../http/percent-encode.ts'
import type { AuthStrategy } from '../../types.ts'
import { canonicalHeaders, derived, hexDigest, sorted } from '../canonical.ts'
import { concat, type Facts, hmac, type KeyOptions, utf8 } from '../hmac.ts'

export interface GoogleHmacOptions extends KeyOptions {
  /** Where the bucket is, e.g. `'europe-west3'`. Default `'auto'`. */
  location?: string
  /** False leaves the content out of the signature, so that it may be a stream. Default true. */
  needsBody?: boolean
}

/**
 * HMAC keys of Google Cloud Storage's XML API: the V4 signing process (`GOOG4-HMAC-SHA256`) in the Authorization header.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function googleHmac({ location = 'auto', needsBody = true, ...key }: GoogleHmacOptions): AuthStrategy {
  const scopeOf = ({ timestamp }: Facts): string => `${timestamp.slice(0, 8)}/${location}/storage/goog4_request`
  return hmac({
    ...key,
    hash: 'sha256',
    encoding: 'hex',
    timestamp: (now) => new Date(now).toISOString().replace(/[-:]|\.\d+/g, ''),
    needsBody,
    prepare: async (facts) => ({
      headers: {
        'x-goog-date': facts.timestamp,
        'x-goog-content-sha256': needsBody ? await hexDigest('sha256', facts.body) : 'UNSIGNED-PAYLOAD',
      },
    }),
    key: (secret, facts) => derived(concat(utf8('GOOG4'), secret), ...scopeOf(facts).split('/')),
    keyScope: scopeOf,
    canonicalRequest(facts) {
      const { names, lines } = signedHeaders(facts)
      const { method, path, url, headers } = facts
      const uri = path.split('/').map((segment) => percentEncode(decodeURIComponent(segment)))
      const query = sorted(url.searchParams)
      return [method, uri.join('/'), query, lines, names, headers.get('x-goog-content-sha256')].join('\n')
    },
    message: async (facts) =>
      `GOOG4-HMAC-SHA256\n${facts.timestamp}\n${scopeOf(facts)}\n${await hexDigest('sha256', facts.canonicalRequest)}`,
    place: (facts) => ({
      headers: {
        authorization: `GOOG4-HMAC-SHA256 Credential=${facts.keyId}/${scopeOf(facts)}, SignedHeaders=${signedHeaders(facts).names}, Signature=${facts.signature}`,
      },
    }),
    places: ['header:x-goog-date', 'header:x-goog-content-sha256', 'header:authorization'],
  })
}

function signedHeaders({ headers, host }: Facts): { readonly names: string; readonly lines: string } {
  return canonicalHeaders(headers, host, /^(content-type$|content-md5$|x-goog-)/)
}
