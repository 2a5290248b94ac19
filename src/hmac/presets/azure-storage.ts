import type { Credential } from '../../credential.ts'
import { compare } from '../../http/compare.ts'
import type { AuthStrategy } from '../../types.ts'
import { type Facts, hmac } from '../hmac.ts'

export interface AzureStorageOptions {
  /** The name of the storage account. */
  account: Credential
  /** A key of the account, in base64 as the portal shows it. */
  accountKey: Credential
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

const SLOTS =
  'content-language content-encoding content-length content-md5 content-type date if-modified-since if-match if-none-match if-unmodified-since range'

/**
 * Azure Storage (blobs, queues, files): the Shared Key scheme, HMAC-SHA256 over fixed headers, all of `x-ms-`, path and query.
 *
 * Set `x-ms-version` yourself. The content is covered by its length only, or by a `Content-MD5` that you set.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function azureStorage({ account, accountKey, ...rest }: AzureStorageOptions): AuthStrategy {
  return hmac({
    ...rest,
    keyId: account,
    secret: accountKey,
    secretEncoding: 'base64',
    hash: 'sha256',
    encoding: 'base64',
    timestamp: 'rfc1123',
    prepare: ({ timestamp }) => ({ headers: { 'x-ms-date': timestamp } }),
    message: (facts) =>
      `${facts.method}\n${slots(facts)}${headerLines(facts)}/${facts.keyId}${facts.path}${query(facts)}`,
    place: ({ keyId, signature }) => ({ headers: { authorization: `SharedKey ${keyId}:${signature}` } }),
  })
}

function slots({ headers, body }: Facts): string {
  // The runtime sets the length after us; none counts as empty since version 2015-02-21.
  if (body.length) headers.set('content-length', String(body.length))
  else headers.delete('content-length')
  return SLOTS.split(' ')
    .map((name) => `${headers.get(name) ?? ''}\n`)
    .join('')
}

function headerLines({ headers }: Facts): string {
  return [...headers]
    .filter(([name]) => name.startsWith('x-ms-'))
    .sort(([a], [b]) => compare(cultural(a), cultural(b)) || compare(a, b))
    .map(([name, value]) => `${name}:${value}\n`)
    .join('')
}

// The service sorts as .NET does in English: a hyphen counts only in a tie, other signs come before digits.
function cultural(name: string): string {
  return name.replace(/[-']/g, '').replace(/[\^_`|~]/g, '/')
}

function query({ query }: Facts): string {
  const values = new Map<string, string[]>()
  for (const parameter of query.split('&').filter(Boolean)) {
    const [name = '', ...rest] = parameter.split('=')
    const lower = decodeURIComponent(name).toLowerCase()
    values.set(lower, [...(values.get(lower) ?? []), decodeURIComponent(rest.join('='))])
  }
  return [...values]
    .sort(([a], [b]) => compare(a, b))
    .map(([name, all]) => `\n${name}:${all.sort().join(',')}`)
    .join('')
}
