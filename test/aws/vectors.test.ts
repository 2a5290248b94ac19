import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { presign, sigv4 } from '../../src/aws/aws.ts'
import { canonicalRequest, OTHER_RULES } from '../../src/aws/canonical-request.ts'
import { contentHash, createSigner } from '../../src/aws/signing-key.ts'
import { hmacSha256 } from '../../src/aws/sigv4.ts'
import { stringToSign, timestamp } from '../../src/aws/strategy.ts'
import { authenticated } from '../hmac/attempt.ts'
import suite from '../vectors/aws/sigv4.json' with { type: 'json' }

interface Case {
  readonly name: string
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
  readonly normalize?: boolean
  readonly signBody?: boolean
  readonly sessionToken?: string
  readonly unsignedSessionToken?: boolean
  readonly header: Signed
  readonly query: Signed
}
interface Signed {
  readonly canonicalRequest: string
  readonly stringToSign: string
  readonly signature: string
}

const { accessKeyId, secretAccessKey, region, service, expiresIn } = suite
const cases = suite.cases as unknown as Case[]
const now = Date.parse(suite.at)
const at = timestamp(now)
const key = { id: accessKeyId, secret: secretAccessKey, token: undefined }
const bytes = (text: string) => new TextEncoder().encode(text)

const rulesOf = ({ normalize = true }: Case) => ({ ...OTHER_RULES, normalize })
const lower = ({ headers }: Case): [string, string][] => headers.map(([name, value]) => [name.toLowerCase(), value])

async function signed(text: string) {
  const string = stringToSign(hmacSha256(region, service), at, text)
  return {
    canonicalRequest: text,
    stringToSign: string,
    signature: createSigner(region, service)(key, at.slice(0, 8), string),
  }
}

describe.each(['of the runtime', 'of noble'])(
  'the AWS suite, fed to the canonical request, with the hash %s',
  (hash) => {
    beforeEach(() => {
      if (hash === 'of noble') vi.stubGlobal('process', {})
    })
    afterEach(() => vi.unstubAllGlobals())

    it.each(cases)('13 header: $name', async (one) => {
      const [path = '', query = ''] = one.target.split('?')
      const hash = await contentHash(bytes(one.body))
      const headers = lower(one)
      headers.push(['x-amz-date', at])
      if (one.signBody) headers.push(['x-amz-content-sha256', hash])
      if (one.sessionToken && !one.unsignedSessionToken) headers.push(['x-amz-security-token', one.sessionToken])
      const { text } = canonicalRequest({ method: one.method, path, query, headers, contentHash: hash }, rulesOf(one))
      expect(await signed(text)).toEqual(one.header)
    })

    it.each(cases)('13 query: $name', async (one) => {
      const [path = '', own = ''] = one.target.split('?')
      const headers = lower(one)
      const names = headers.map(([name]) => name).sort()
      const query = [
        own,
        'X-Amz-Algorithm=AWS4-HMAC-SHA256',
        `X-Amz-Credential=${accessKeyId}/${at.slice(0, 8)}/${region}/${service}/aws4_request`,
        `X-Amz-Date=${at}`,
        `X-Amz-Expires=${expiresIn / 1000}`,
        `X-Amz-SignedHeaders=${names.join(';')}`,
        ...(one.sessionToken && !one.unsignedSessionToken ? [`X-Amz-Security-Token=${one.sessionToken}`] : []),
      ].join('&')
      const hash = await contentHash(bytes(one.body))
      const { text } = canonicalRequest({ method: one.method, path, query, headers, contentHash: hash }, rulesOf(one))
      expect(await signed(text)).toEqual(one.query)
    })
  },
)

// What URL and Headers keep as it is.
const reachable = cases.filter(
  ({ target, headers, body, normalize = true }) =>
    normalize && !body && new URL(`https://a${target}`).href === `https://a${target}` && !/\n/.test(String(headers)),
)

describe('the AWS suite, through the strategy and the URL', () => {
  const credentials = ({ sessionToken }: Case) => ({ accessKeyId, secretAccessKey, sessionToken })
  const own = ({ headers }: Case) =>
    headers.filter(([name]) => name !== 'Host').map(([name, value]) => [name, value] as [string, string])

  it('URL and Headers let nine cases through', () => expect(reachable).toHaveLength(9))

  it.each(reachable)('13 header: $name', async (one) => {
    const headers = own(one)
    const { unsignedSessionToken = false } = one
    const auth = sigv4({
      region,
      service,
      credentials: credentials(one),
      unsignedSessionToken,
      signedHeaders: headers.map(([name]) => name),
    })
    const request = await authenticated(auth, {
      method: one.method,
      url: `https://example.amazonaws.com${one.target}`,
      headers,
      now,
    })
    const names = one.header.canonicalRequest.split('\n').at(-2)
    expect(request.headers.get('authorization')).toBe(
      `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20150830/${region}/${service}/aws4_request, SignedHeaders=${names}, Signature=${one.header.signature}`,
    )
    expect(request.headers.get('x-amz-date')).toBe(at)
    expect(request.headers.get('x-amz-security-token')).toBe(one.sessionToken ?? null)
  })

  it.each(reachable)('13 query: $name', async (one) => {
    const { unsignedSessionToken = false } = one
    const url = await presign(`https://example.amazonaws.com${one.target}`, {
      method: one.method,
      region,
      service,
      credentials: credentials(one),
      expiresIn,
      headers: own(one),
      unsignedSessionToken,
      now: () => now,
    })
    expect(url.searchParams.get('X-Amz-Signature')).toBe(one.query.signature)
    expect(url.searchParams.get('X-Amz-Security-Token')).toBe(one.sessionToken ?? null)
    expect(url.href.startsWith(`https://example.amazonaws.com${one.target}`)).toBe(true)
  })
})
