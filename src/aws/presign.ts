import { utf8 } from '../crypto/bytes.ts'
import { percentEncode } from '../http/percent-encode.ts'
import type { HeadersInit } from '../platform.ts'
import type { Bytes } from '../types.ts'
import { canonicalRequest } from './canonical-request.ts'
import { readCredentials } from './credentials.ts'
import { type AwsOptions, checkOptions, invalid, namesOf, rulesOf } from './options.ts'
import { contentHash } from './signing-key.ts'
import { hmacSha256 } from './sigv4.ts'
import { type Algorithm, stringToSign, timestamp, unambiguous } from './strategy.ts'

export interface PresignOptions extends AwsOptions {
  /** Default `'GET'`. */
  method?: string
  /** Headers that whoever uses the URL must send exactly so. Default none. */
  headers?: HeadersInit
  /** The content that must be sent, for services other than S3, which leaves it open. Default none. */
  body?: string | Bytes
  /** Milliseconds the URL is good for, at most 7 days. Default 900 000: 15 minutes. */
  expiresIn?: number
  /** Milliseconds since the epoch. Default: this machine's clock. */
  now?: () => number
}

export interface SigV4PresignOptions extends PresignOptions {
  /** E.g. `'eu-central-1'`. */
  region: string
}

const WEEK = 604_800

/**
 * A URL that carries a signature of AWS Signature Version 4, so that whoever has it can make this one request.
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `credential_invalid`, `credential_unavailable`
 */
export async function presign(url: string | URL, options: SigV4PresignOptions): Promise<URL> {
  checkOptions(options, { region: options.region })
  return presigned(url, options, hmacSha256(options.region, options.service))
}

export async function presigned(input: string | URL, options: PresignOptions, algorithm: Algorithm): Promise<URL> {
  const { method = 'GET', expiresIn = 900_000, now = Date.now, body = '', unsignedSessionToken } = options
  const seconds = Math.floor(expiresIn / 1000)
  if (!(seconds >= 1 && seconds <= WEEK))
    throw invalid('`expiresIn` must be milliseconds, from 1 000 to 604 800 000 (7 days).')
  const rules = rulesOf(options)
  const url = new URL(unambiguous(parsed(input), rules))
  const headers: [string, string][] = [...new Headers(options.headers)]
  namesOf(headers.map(([name]) => name))
  headers.push(['host', url.host])
  const hash = rules.encodeTwice ? await contentHash(typeof body === 'string' ? utf8(body) : body) : 'UNSIGNED-PAYLOAD'
  const key = await readCredentials(options.credentials)
  const at = timestamp(now())
  const day = at.slice(0, 8)
  const token: [string, string][] = key.token ? [['X-Amz-Security-Token', key.token]] : []
  add(url, [
    ['X-Amz-Algorithm', algorithm.name],
    ['X-Amz-Credential', `${key.id}/${day}/${algorithm.scope}`],
    ['X-Amz-Date', at],
    ['X-Amz-Expires', String(seconds)],
    ...(algorithm.region ? ([['X-Amz-Region-Set', algorithm.region[1]]] as [string, string][]) : []),
    ...(unsignedSessionToken ? [] : token),
    [
      'X-Amz-SignedHeaders',
      headers
        .map(([name]) => name)
        .sort()
        .join(';'),
    ],
  ])
  const canonical = canonicalRequest(
    { method: method.toUpperCase(), path: url.pathname, query: url.search, headers, contentHash: hash },
    rules,
  )
  const signature = await algorithm.sign(key, day, stringToSign(algorithm, at, canonical.text))
  add(url, [...(unsignedSessionToken ? token : []), ['X-Amz-Signature', signature]])
  return url
}

function add(url: URL, parameters: readonly [string, string][]): void {
  const text = parameters.map(([name, value]) => `${name}=${percentEncode(value)}`).join('&')
  url.search = url.search ? `${url.search}&${text}` : text
}

function parsed(url: string | URL): URL {
  if (!URL.canParse(url))
    throw invalid('The URL to presign must be absolute, e.g. https://bucket.s3.amazonaws.com/key.')
  return new URL(url)
}
