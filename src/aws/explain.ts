import type { Bytes } from '../types.ts'
import { canonicalRequest } from './canonical-request.ts'
import { invalid, rulesOf } from './options.ts'
import { contentHash } from './signing-key.ts'
import { stringToSign } from './strategy.ts'

/** What a signature covers. No secret is in it: a session token is left out. */
export interface Explanation {
  readonly canonicalRequest: string
  readonly stringToSign: string
}

const AUTHORIZATION = /^(AWS4-\S+) Credential=[^/]+\/(\d{8})\/(\S+), SignedHeaders=(\S+), Signature=/

/**
 * What a request signed in its headers was signed over, rebuilt as the server rebuilds it, to compare with what the server says.
 * @throws LatchkeyError `invalid_option` for a request without such a signature
 */
export async function explain(
  request: Pick<Request, 'method' | 'url' | 'headers'>,
  body: Bytes = new Uint8Array(),
): Promise<Explanation> {
  const { method, headers } = request
  const found = AUTHORIZATION.exec(headers.get('authorization') ?? '')
  if (!found) throw invalid('The request carries no AWS signature in `Authorization`.')
  const [, name, , scope, names] = found as unknown as [string, string, string, string, string]
  const url = new URL(request.url)
  const contentSha256 = headers.get('x-amz-content-sha256') ?? (await contentHash(body))
  const values = names
    .split(';')
    .map((header): [string, string] => [header, header === 'host' ? url.host : (headers.get(header) ?? '')])
  const service = scope.split('/').at(-2) as string
  const { text } = canonicalRequest(
    { method, path: url.pathname, query: url.search, headers: values, contentHash: contentSha256 },
    rulesOf({ service }),
  )
  return {
    canonicalRequest: text.replace(/^(x-amz-security-token:).*$/m, '$1<redacted>'),
    stringToSign: stringToSign({ name, scope }, headers.get('x-amz-date') ?? '', text),
  }
}
