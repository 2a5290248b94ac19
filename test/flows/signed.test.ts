import { createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { hmac } from '../../src/hmac/hmac.ts'
import { type AuthStrategy, apiKey, createClient } from '../../src/index.ts'
import { type MessageSignatureOptions, messageSignature } from '../../src/message-signatures/message-signatures.ts'
import { judging } from '../message-signatures/judge.ts'
import { keys } from '../message-signatures/keys.ts'
import { api, limited, type Script } from '../servers/api.ts'

/** What every scheme must do that signs a request, whatever it signs with. */
interface Scheme {
  /** The usual one first. */
  readonly signers: readonly (() => AuthStrategy)[]
  /** A server that recomputes the signature from what came over the wire, and refuses another one with 401. */
  readonly judge: (then?: Script) => Script
  readonly nonce: (headers: IncomingHttpHeaders) => string | undefined
  /** Seconds since the epoch. */
  readonly signedAt: (headers: IncomingHttpHeaders) => number
}

const macs: Scheme = {
  signers: [
    () =>
      hmac({
        secret: 'secret',
        hash: 'sha256',
        encoding: 'hex',
        nonce: 'uuid',
        message: ({ timestamp, nonce, method, target, body }) => [`${timestamp}${nonce}${method}${target}`, body],
        place: ({ timestamp, nonce, signature }) => ({
          headers: { 'x-time': timestamp, 'x-nonce': nonce, 'x-signature': signature },
        }),
      }),
  ],
  judge:
    (then = () => ({})) =>
    (request, index, response) => {
      const { headers, method, url, body } = request
      const mac = createHmac('sha256', 'secret')
        .update(`${headers['x-time']}${headers['x-nonce']}${method}${url}`)
        .update(body)
        .digest('hex')
      return mac === headers['x-signature'] ? then(request, index, response) : { status: 401, body: 'bad signature' }
    },
  nonce: (headers) => headers['x-nonce'] as string,
  signedAt: (headers) => Number(headers['x-time']),
}

const message = (more: Partial<MessageSignatureOptions>) => () =>
  messageSignature({ key: keys.ed25519, algorithm: 'ed25519', keyid: 'ed25519', ...more })
const found = (pattern: RegExp, headers: IncomingHttpHeaders) => pattern.exec(String(headers['signature-input']))?.[1]
const messages: Scheme = {
  signers: [
    message({ contentDigest: 'sha-512' }),
    message({ components: ['@method', '@target-uri', '@authority', '@scheme', '@request-target', '@path', '@query'] }),
  ],
  judge: (then) => judging('ed25519', then),
  nonce: (headers) => found(/nonce="([^"]+)"/, headers),
  signedAt: (headers) => Number(found(/created=(\d+)/, headers)),
}

describe.each([
  ['HMAC', macs],
  ['HTTP Message Signatures', messages],
])('%s through the pipeline', (_, { signers, judge, nonce, signedAt }) => {
  const sign = () => (signers[0] as () => AuthStrategy)()
  const form = () => {
    const data = new FormData()
    data.set('text', 'ünïcode')
    data.set('file', new Blob([Uint8Array.from({ length: 300 }, (_, i) => i % 256)]), 'a.bin')
    return data
  }
  const contents: Record<string, () => BodyInit> = {
    string: () => 'bück',
    'no bytes': () => '',
    bytes: () => Uint8Array.from([0, 255, 10, 13]),
    'many bytes': () => new Uint8Array(300_000).fill(7),
    Blob: () => new Blob(['blob'], { type: 'x/y' }),
    FormData: form,
    URLSearchParams: () => new URLSearchParams({ a: 'b c', ü: '+&' }),
  }

  it.each(Object.keys(contents))('4 the bytes that are signed are the bytes that are sent: %s', async (kind) => {
    const { url, seen } = await api(judge((_, index) => (index === 0 ? limited('0') : {})))
    const make = contents[kind] as () => BodyInit
    const client = createClient({ baseUrl: url, auth: sign(), retry: { delay: () => 1, methods: ['post'] } })
    await client.post('', { body: make() })
    await client.fetch(url, { method: 'PUT', body: make() })
    await client(new Request(url, { method: 'POST', body: make() }))
    expect(seen).toHaveLength(4)
    for (const { headers, body } of seen) {
      const boundary = /boundary=(.*)/.exec(headers['content-type'] ?? '')?.[1]
      if (boundary) expect(body.toString('latin1')).toContain(`--${boundary}--`)
    }
  })

  it.each([
    '',
    'a b',
    'a%20b',
    '%7Euser',
    'ü',
    '%C3%BC',
    "odd'()*!",
    'a//b',
    'a/./b/../c',
    '^|"<>`{}',
    '?',
    '?#',
    '#f',
    '?q=',
    '?a=b&a=c',
    '?q=a+b',
    '?q=%2B',
    "?q='()*",
    '?q=ü',
    '?q=^|',
    '?a[]=1',
    ';p=1?x;y',
    '?%zz',
    '?q=a?b/c',
    '%2F',
    '@x:1',
  ])('4 odd URLs verify at the server: %j', async (path) => {
    const { url } = await api(judge())
    for (const signer of signers) {
      expect((await createFetch({ baseUrl: url, auth: signer() })(url + path)).status).toBe(200)
      expect((await createClient({ baseUrl: url, auth: signer() }).get(path)).status).toBe(200)
    }
  })

  it('4 a stream without all its bytes is refused before any byte leaves', async () => {
    const { url, seen } = await api(judge())
    const client = createClient({ baseUrl: url, auth: sign() })
    for (const body of [new Blob(['x']).stream(), () => new Blob(['x']).stream()])
      await expect(client.post('', { body })).rejects.toMatchObject({ code: 'body_not_replayable' })
    expect(seen).toHaveLength(0)
  })

  it('3 every attempt and every hop is signed anew', async () => {
    const { url, seen } = await api(
      judge(({ url: path }, index) =>
        index < 2 ? { status: 503 } : path === '/' ? { status: 307, headers: { location: '/second?x=1' } } : {},
      ),
    )
    const fetch = createFetch({ baseUrl: url, auth: sign(), retry: { delay: () => 1 } })
    expect((await fetch(url, { method: 'PUT', body: form() })).status).toBe(200)
    expect(seen.map(({ url: path }) => path)).toEqual(['/', '/', '/', '/second?x=1'])
    expect(new Set(seen.map(({ headers }) => nonce(headers))).size).toBe(4)
    expect(new Set(seen.map(({ body }) => body.toString('latin1'))).size).toBe(1)
  })

  it('what another strategy puts into the URL is covered', async () => {
    const { url, seen } = await api(judge())
    const key = apiKey({ in: 'query', name: 'app', value: 'a b' })
    expect((await createFetch({ baseUrl: url, auth: [sign(), key] })(`${url}x?y=1`)).status).toBe(200)
    expect(seen[0]?.url).toBe('/x?y=1&app=a%20b')
  })

  it('5 a clock that is off heals itself once, and stays healed', async () => {
    for (const off of [3_600_000, -3_600_000, 300_000]) {
      let requests = 0
      // No judge: one by our own clock would refuse what was signed in its future.
      const { url, seen } = await api(({ headers }) => {
        requests++
        const server = Date.now() + off
        const right = Math.abs(signedAt(headers) * 1000 - server) < 30_000
        return { status: right ? 200 : 401, headers: { date: new Date(server).toUTCString() } }
      })
      const fetch = createFetch({ baseUrl: url, auth: sign() })
      expect((await fetch(url)).status).toBe(200)
      expect(requests).toBe(2)
      expect((await fetch(url)).status).toBe(200)
      expect(seen).toHaveLength(3)
    }
  })

  it('5 a refusal that is not about the clock is not repeated', async () => {
    const { url, seen } = await api(() => ({ status: 401 }))
    expect((await createFetch({ baseUrl: url, auth: sign() })(url)).status).toBe(401)
    expect(seen).toHaveLength(1)
  })
})
