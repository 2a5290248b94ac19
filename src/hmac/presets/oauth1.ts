import type { Credential } from '../../credential.ts'
import { percentEncode } from '../../http/percent-encode.ts'
import type { AuthStrategy } from '../../types.ts'
import { isForm, sorted } from '../canonical.ts'
import { type Facts, fromUtf8, hmac, type NonceFormat, utf8 } from '../hmac.ts'
import { invalid } from '../options.ts'

export interface OAuth1Options {
  /** `oauth_consumer_key`. */
  consumerKey: Credential
  consumerSecret: Credential
  /** `oauth_token`. Default none. */
  token?: Credential
  /** Default none. */
  tokenSecret?: Credential
  /** Default `'HMAC-SHA1'`, the only one the RFC has. */
  signatureMethod?: 'HMAC-SHA1' | 'HMAC-SHA256' | 'HMAC-SHA512'
  /** Where the parameters travel (RFC 5849, section 3.5). Default `'header'`. */
  in?: 'header' | 'query' | 'form'
  /** Of the Authorization header. Default none. */
  realm?: string
  /** Further protocol parameters, e.g. `{ oauth_callback }`, `{ oauth_verifier }` or `{ oauth_version: '1.0' }`. Default none. */
  parameters?: Readonly<Record<`oauth_${string}`, string>>
  /** Default `'hex'`. */
  nonce?: NonceFormat
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

type Tokens = { readonly token?: string; readonly tokenSecret?: string }

const hashes = { 'HMAC-SHA1': 'sha1', 'HMAC-SHA256': 'sha256', 'HMAC-SHA512': 'sha512' } as const

/**
 * OAuth 1.0 (RFC 5849, section 3): a signature over method, URL, query, form and protocol parameters.
 *
 * Content of another type than a form is not covered.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function oauth1(options: OAuth1Options): AuthStrategy {
  const {
    consumerKey,
    consumerSecret,
    token,
    tokenSecret,
    signatureMethod = 'HMAC-SHA1',
    in: where = 'header',
  } = options
  const { realm, parameters, nonce = 'hex', identity } = options
  if (!Object.hasOwn(hashes, signatureMethod))
    throw invalid("`signatureMethod` of oauth1 must be 'HMAC-SHA1', 'HMAC-SHA256' or 'HMAC-SHA512'.")
  if (!['header', 'query', 'form'].includes(where)) throw invalid("`in` of oauth1 must be 'header', 'query' or 'form'.")
  const protocol = (facts: Facts<Tokens>): Record<string, string> => ({
    ...parameters,
    oauth_consumer_key: facts.keyId,
    ...(facts.credentials.token && { oauth_token: facts.credentials.token }),
    oauth_signature_method: signatureMethod,
    oauth_timestamp: facts.timestamp,
    oauth_nonce: facts.nonce,
  })
  return hmac({
    ...(identity && { identity }),
    keyId: consumerKey,
    secret: consumerSecret,
    credentials: { ...(token && { token }), ...(tokenSecret && { tokenSecret }) },
    hash: hashes[signatureMethod],
    encoding: 'base64',
    nonce,
    key: (secret, { credentials }) =>
      utf8(`${percentEncode(fromUtf8(secret))}&${percentEncode(credentials.tokenSecret ?? '')}`),
    message(facts) {
      const { url, method, headers } = facts
      const all = [...url.searchParams, ...Object.entries(protocol(facts))]
      if (isForm(headers.get('content-type'))) all.push(...new URLSearchParams(facts.bodyText))
      return [method, url.origin + url.pathname, sorted(all)].map(percentEncode).join('&')
    },
    place(facts) {
      const fields = { ...protocol(facts), oauth_signature: facts.signature }
      if (where !== 'header') return { [where]: fields }
      const quoted = Object.entries(fields).map(([name, value]) => `${percentEncode(name)}="${percentEncode(value)}"`)
      if (realm !== undefined) quoted.unshift(`realm="${realm.replace(/["\\]/g, '\\$&')}"`)
      return { headers: { authorization: `OAuth ${quoted.join(', ')}` } }
    },
  })
}
