import { createECDH, createHash, createPublicKey, verify } from 'node:crypto'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4a } from '@smithy/signature-v4a'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { presignV4a, sigv4a } from '../../src/aws/aws.ts'
import { canonicalRequest, S3_RULES } from '../../src/aws/canonical-request.ts'
import { der, privateKey } from '../../src/aws/sigv4a.ts'
import { stringToSign } from '../../src/aws/strategy.ts'
import { attempted } from '../hmac/attempt.ts'

const credentials = {
  accessKeyId: 'AKISORANDOMAASORANDOM',
  secretAccessKey: 'q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom',
}
const now = Date.parse('2015-08-30T12:36:00Z')

/** The other half of the key, computed by OpenSSL. */
function publicKey(id: string, secret: string) {
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey(privateKey({ id, secret }))
  const point = ecdh.getPublicKey()
  const part = (from: number) => point.subarray(from, from + 32).toString('base64url')
  return createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x: part(1), y: part(33) } })
}

const verified = (text: string, signature: string, { accessKeyId, secretAccessKey } = credentials) =>
  verify('sha256', Buffer.from(text), publicKey(accessKeyId, secretAccessKey), Buffer.from(signature, 'hex'))

describe('the derived key', () => {
  it('13 is the one of the AWS suite', () => {
    const { x = '', y = '' } = publicKey(credentials.accessKeyId, credentials.secretAccessKey).export({ format: 'jwk' })
    expect(Buffer.from(x, 'base64url').toString('hex')).toBe(
      '15d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb',
    )
    expect(Buffer.from(y, 'base64url').toString('hex')).toBe(
      '0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0',
    )
  })

  it('13 is the one of @smithy/signature-v4a: a signature of theirs verifies with ours', async () => {
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[A-Z0-9]{16,20}$/), fc.string({ minLength: 1 }), async (id, secret) => {
        const peer = new SignatureV4a({
          service: 's3',
          region: '*',
          credentials: { accessKeyId: id, secretAccessKey: secret },
          sha256: Sha256,
          uriEscapePath: false,
        })
        const { headers } = await peer.sign(
          {
            method: 'GET',
            protocol: 'https:',
            hostname: 'b.example',
            path: '/k',
            query: {},
            headers: { host: 'b.example' },
          },
          { signingDate: new Date(now) },
        )
        const [, names = '', signature = ''] =
          /SignedHeaders=(\S+), Signature=(\w+)/.exec(headers.authorization as string) ?? []
        const { text } = canonicalRequest(
          {
            method: 'GET',
            path: '/k',
            query: '',
            headers: names.split(';').map((name) => [name, headers[name] as string]),
            contentHash: headers['x-amz-content-sha256'] as string,
          },
          S3_RULES,
        )
        const string = stringToSign(
          { name: 'AWS4-ECDSA-P256-SHA256', scope: 's3/aws4_request' },
          headers['x-amz-date'] as string,
          text,
        )
        expect(verified(string, signature, { accessKeyId: id, secretAccessKey: secret })).toBe(true)
      }),
      { numRuns: 25 },
    )
  })
})

describe('signatures', () => {
  const options = { service: 's3', regionSet: 'eu-central-1,us-*', credentials }

  it('verify over what the request says, and over nothing else', async () => {
    const { request, explained } = await attempted(sigv4a(options), {
      method: 'PUT',
      url: "https://b.example/a b/'(ü)?x=1",
      body: 'c',
      now,
    })
    const [, id, names, signature = ''] =
      /^AWS4-ECDSA-P256-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=(\w+)$/.exec(
        request.headers.get('authorization') ?? '',
      ) ?? []
    expect(id).toBe(`${credentials.accessKeyId}/20150830/s3/aws4_request`)
    expect(names).toBe('content-type;host;x-amz-content-sha256;x-amz-date;x-amz-region-set')
    expect(request.headers.get('x-amz-region-set')).toBe(options.regionSet)
    const { canonicalRequest, stringToSign } = await explained()
    expect(canonicalRequest).toContain('/a%20b/%27%28%C3%BC%29\nx=1\n')
    expect(verified(stringToSign, signature)).toBe(true)
    expect(verified(`${stringToSign} `, signature)).toBe(false)
  })

  it('in a URL verify too', async () => {
    const url = await presignV4a('https://b.example/k', { ...options, now: () => now })
    const signature = url.searchParams.get('X-Amz-Signature') ?? ''
    const query = url.search.replace(/&X-Amz-Signature=.*/, '')
    expect(query).toContain('X-Amz-Region-Set=eu-central-1%2Cus-%2A')
    const { text } = canonicalRequest(
      { method: 'GET', path: '/k', query, headers: [['host', 'b.example']], contentHash: 'UNSIGNED-PAYLOAD' },
      S3_RULES,
    )
    const string = stringToSign({ name: 'AWS4-ECDSA-P256-SHA256', scope: 's3/aws4_request' }, '20150830T123600Z', text)
    expect(verified(string, signature)).toBe(true)
    expect(createHash('sha256').update(text).digest('hex')).toBe(string.split('\n').at(-1))
  })

  it('are written in DER, also where a half is short or high', () => {
    const half = (...last: number[]) => [...new Array(32 - last.length).fill(0), ...last]
    expect([...der(Uint8Array.from([...half(1), ...half(128)]))]).toEqual([48, 7, 2, 1, 1, 2, 2, 0, 128])
    expect([...der(Uint8Array.from([...half(), ...half(1, 0)]))]).toEqual([48, 7, 2, 1, 0, 2, 2, 1, 0])
  })

  it('a changed key derives another one', async () => {
    let secretAccessKey = 'one'
    const auth = sigv4a({ ...options, credentials: async () => ({ accessKeyId: 'ID', secretAccessKey }) })
    for (secretAccessKey of ['one', 'two', 'one']) {
      const { request, explained } = await attempted(auth, { url: 'https://b.example/', now })
      const signature = /Signature=(\w+)/.exec(request.headers.get('authorization') ?? '')?.[1] ?? ''
      expect(verified((await explained()).stringToSign, signature, { accessKeyId: 'ID', secretAccessKey })).toBe(true)
    }
  })
})
