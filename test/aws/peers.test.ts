import { createHash } from 'node:crypto'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import * as aws4 from 'aws4'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { presign, sigv4 } from '../../src/aws/aws.ts'
import { authenticated } from '../hmac/attempt.ts'

const text = fc.string({ unit: fc.constantFrom(...'abXYZ019-_.~ /:;,=+*()!@[]{}$&%\'"äß日€😀'), maxLength: 12 })
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/)
const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/)
const unusual = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
  host: fc.constantFrom('bucket.example.com', '127.0.0.1:8080', 'a.b.example.com:8443'),
  segments: fc.array(text, { minLength: 1, maxLength: 4 }),
  query: fc.uniqueArray(fc.tuple(text.filter(Boolean), text), { maxLength: 5, selector: ([key]) => key }),
  headers: fc.dictionary(
    name.map((word) => `x-amz-meta-${word}`),
    value,
    { maxKeys: 3 },
  ),
  body: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.constant('x'.repeat(9000))),
  token: fc.option(fc.stringMatching(/^[\w/+=]{1,40}$/), { nil: undefined }),
  id: fc.stringMatching(/^[A-Z0-9]{16,20}$/),
  secret: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  region: fc.constantFrom('us-east-1', 'eu-central-1', 'auto'),
  // Whole seconds: the peers round as they like.
  now: fc.integer({ min: 1_000_000_000, max: 4_000_000_000 }).map((seconds) => seconds * 1000),
})
const strict = (part: string) =>
  encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
// A path whose segments URL would remove reaches no signer.
const pathOf = (segments: readonly string[]) =>
  `/${segments.map((part) => strict(/^\.{1,2}$/.test(part) ? 'dots' : part || 'empty')).join('/')}`
const queryOf = (query: readonly (readonly [string, string])[]) =>
  query.map(([key, text]) => `${strict(key)}=${strict(text)}`).join('&')
const bytes = (text: string) => new TextEncoder().encode(text)

describe.each(['s3', 'execute-api'])('%s, random requests', (service) => {
  const s3 = service === 's3'

  it('13 @smithy/signature-v4 writes the same Authorization', async () => {
    await fc.assert(
      fc.asyncProperty(
        unusual,
        async ({ method, host, segments, query, headers, body, token, id, secret, region, now }) => {
          const [path, search] = [pathOf(segments), queryOf(query)]
          const credentials = { accessKeyId: id, secretAccessKey: secret, ...(token && { sessionToken: token }) }
          const content = method === 'GET' ? '' : body
          const peer = new SignatureV4({
            service,
            region,
            credentials,
            sha256: Sha256,
            uriEscapePath: !s3,
            applyChecksum: s3,
          })
          const [hostname = '', port] = host.split(':')
          const theirs = await peer.sign(
            {
              method,
              protocol: 'https:',
              hostname,
              ...(port && { port: Number(port) }),
              path,
              query: Object.fromEntries(query),
              headers: { host, ...headers, ...(content && { 'content-type': 'text/plain;charset=UTF-8' }) },
              ...(content && { body: content }),
            },
            { signingDate: new Date(now) },
          )
          const ours = await authenticated(sigv4({ service, region, credentials }), {
            method,
            url: `https://${host}${path}${search && `?${search}`}`,
            headers,
            ...(content && { body: content }),
            now,
          })
          expect(ours.headers.get('authorization')).toBe(theirs.headers.authorization)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('13 aws4 writes the same Authorization', async () => {
    await fc.assert(
      fc.asyncProperty(
        unusual,
        async ({ method, host, segments, query, headers, body, token, id, secret, region, now }) => {
          // aws4 reads a plus in a path as a space, and folds a path that starts twice.
          const path = pathOf(segments.map((part) => part.replaceAll('+', '-').replaceAll('/', '-')))
          const search = queryOf(query)
          const content = method === 'GET' ? '' : body
          const at = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
          const theirs = aws4.sign(
            {
              service,
              region,
              method,
              host,
              path: path + (search && `?${search}`),
              headers: {
                Host: host,
                'X-Amz-Date': at,
                ...headers,
                ...(content && { 'Content-Type': 'text/plain;charset=UTF-8' }),
              },
              ...(content && { body: content }),
              extraHeadersToIgnore: { 'content-length': true },
            } as aws4.Request,
            { accessKeyId: id, secretAccessKey: secret, ...(token && { sessionToken: token }) },
          )
          const ours = await authenticated(
            sigv4({ service, region, credentials: { accessKeyId: id, secretAccessKey: secret, sessionToken: token } }),
            {
              method,
              url: `https://${host}${path}${search && `?${search}`}`,
              headers,
              ...(content && { body: content }),
              now,
            },
          )
          expect(ours.headers.get('authorization')).toBe((theirs.headers as Record<string, string>).Authorization)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('13 @smithy/signature-v4 presigns the same', async () => {
    await fc.assert(
      fc.asyncProperty(unusual, async ({ method, host, segments, query, headers, token, id, secret, region, now }) => {
        const [path, search] = [pathOf(segments), queryOf(query)]
        const credentials = { accessKeyId: id, secretAccessKey: secret, ...(token && { sessionToken: token }) }
        const peer = new SignatureV4({
          service,
          region,
          credentials,
          sha256: Sha256,
          uriEscapePath: !s3,
          applyChecksum: false,
        })
        const [hostname = '', port] = host.split(':')
        const theirs = await peer.presign(
          {
            method,
            protocol: 'https:',
            hostname,
            ...(port && { port: Number(port) }),
            path,
            query: Object.fromEntries(query),
            headers: {
              host,
              ...headers,
              'x-amz-content-sha256': s3 ? 'UNSIGNED-PAYLOAD' : createHash('sha256').digest('hex'),
            },
          },
          {
            signingDate: new Date(now),
            expiresIn: 900,
            unhoistableHeaders: new Set(['x-amz-content-sha256', ...Object.keys(headers)]),
            unsignableHeaders: new Set(['x-amz-content-sha256']),
          },
        )
        const ours = await presign(`https://${host}${path}${search && `?${search}`}`, {
          method,
          service,
          region,
          credentials,
          headers,
          now: () => now,
        })
        expect(ours.searchParams.get('X-Amz-Signature')).toBe(
          (theirs.query as Record<string, string>)['X-Amz-Signature'],
        )
      }),
      { numRuns: 300 },
    )
  })
})

it('4 the hash that is sent is the hash of the content, short or long', async () => {
  const auth = sigv4({ service: 's3', region: 'r', credentials: { accessKeyId: 'i', secretAccessKey: 's' } })
  for (const length of [0, 1, 8191, 8192, 8193, 100_000]) {
    const body = bytes('é'.repeat(length)).subarray(0, length)
    const request = await authenticated(auth, { method: 'PUT', url: 'https://b.example/', body })
    expect(request.headers.get('x-amz-content-sha256')).toBe(createHash('sha256').update(body).digest('hex'))
  }
})
