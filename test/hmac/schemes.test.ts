import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { binance } from '../../src/hmac/presets/binance.ts'
import { googleHmac } from '../../src/hmac/presets/google-hmac.ts'
import { kraken } from '../../src/hmac/presets/kraken.ts'
import { oauth1 } from '../../src/hmac/presets/oauth1.ts'
import { serve } from '../servers/raw.ts'
import { authenticated } from './attempt.ts'

const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

describe('kraken', () => {
  /** The documented example, so that the server below is right. */
  const documented = {
    secret: 'kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==',
    path: '/0/private/AddOrder',
    body: 'nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25',
    signature: '4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==',
  }
  const sign = (path: string, body: string | Buffer, nonce: string) =>
    createHmac('sha512', Buffer.from(documented.secret, 'base64'))
      .update(path)
      .update(createHash('sha256').update(nonce).update(body).digest())
      .digest('base64')

  it('6 a strict server accepts 1,000 parallel calls in their order', async () => {
    expect(sign(documented.path, documented.body, '1616492376594')).toBe(documented.signature)
    let highest = 0
    const origin = await serve(({ target, headers, body }) => {
      const nonce = new URLSearchParams(body.toString()).get('nonce') as string
      if (headers['api-sign'] !== sign(target, body, nonce)) return { status: 403, body: 'signature' }
      if (Number(nonce) <= highest) return { status: 400, body: 'nonce' }
      highest = Number(nonce)
      return { status: 200, body: nonce }
    })
    const fetch = createFetch({
      baseUrl: origin,
      auth: kraken({ keyId: 'key', secret: documented.secret }),
      limits: [{ concurrent: 1 }],
      maxWait: 60_000,
      retry: 0,
    })
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, i) =>
        fetch(documented.path, { method: 'POST', body: new URLSearchParams({ pair: 'XBT USD', i: `${i}` }) }),
      ),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1000)
  })
})

describe('binance', () => {
  it('2 the signature in the query is seen by the server only', async () => {
    const SECRET = 'canary-31bf'
    const seen: string[] = []
    const origin = await serve(({ target }) => {
      seen.push(target)
      return { status: seen.length < 2 ? 503 : 200 }
    })
    const shown: unknown[] = []
    const fetch = createFetch({
      baseUrl: origin,
      auth: binance({ keyId: 'key', secret: SECRET }),
      retry: { limit: 2, delay: () => 1 },
      onEvent: (event) => shown.push(event),
    })
    const response = await fetch('/api/v3/account?omitZeroBalances=true')
    expect(response.status).toBe(200)
    for (const target of seen) {
      const [, covered = '', signature] = /\?(.+)&signature=(\w{64})$/.exec(target) ?? []
      expect(signature).toBe(createHmac('sha256', SECRET).update(covered).digest('hex'))
      expect(covered).toMatch(/^omitZeroBalances=true&timestamp=\d{13}$/)
    }
    expect(seen).toHaveLength(2)
    expect(response.url).toBe(`${origin}/api/v3/account?omitZeroBalances=true`)
    expect(JSON.stringify([response.url, ...shown])).not.toMatch(/signature|canary/)
    await expect(fetch('/?timestamp=1')).rejects.toMatchObject({ code: 'invalid_option' })
  })

  it('5 a clock that is an hour wrong is set right once by the server', async () => {
    const ahead = 3_600_000
    const stamps: number[] = []
    const origin = await serve(({ target }) => {
      const now = Date.now() + ahead
      stamps.push(Number(new URLSearchParams(target.split('?')[1]).get('timestamp')))
      const fresh = Math.abs(now - (stamps.at(-1) as number)) < 5000
      return { status: fresh ? 200 : 400, headers: { date: new Date(now).toUTCString() } }
    })
    const fetch = createFetch({ baseUrl: origin, auth: binance({ keyId: 'key', secret: 's' }) })
    expect((await fetch('/a')).status).toBe(200)
    expect((await fetch('/b')).status).toBe(200)
    expect(stamps).toHaveLength(3)
  })
})

describe('google-hmac', () => {
  const secret = 'bGoa+V7g/yqDXvKRqq+JTFn4uQZbPiQJo4pf9RzJ'

  // Written from the V4 signing process, over what arrived, without our code.
  const server = (unsigned: boolean) =>
    serve(({ method, target, headers, body }) => {
      const [, date = '', location, names = '', signature] =
        /^GOOG4-HMAC-SHA256 Credential=GOOG1E\/(\d{8})\/([\w-]+)\/storage\/goog4_request, SignedHeaders=([\w;-]+), Signature=(\w{64})$/.exec(
          headers.authorization ?? '',
        ) ?? []
      const [path = '', query = ''] = target.split('?')
      const pairs = query
        ? query
            .split('&')
            .map((pair) => pair.split('=').map((part) => encoded(decodeURIComponent(part.replaceAll('+', ' ')))))
        : []
      const canonical = [
        method,
        path
          .split('/')
          .map((part) => encoded(decodeURIComponent(part)))
          .join('/'),
        pairs
          .map(([name, value = '']) => `${name}=${value}`)
          .toSorted()
          .join('&'),
        ...names.split(';').map((name) => `${name}:${headers[name]}`),
        '',
        names,
        unsigned ? 'UNSIGNED-PAYLOAD' : createHash('sha256').update(body).digest('hex'),
      ].join('\n')
      let key: string | Buffer = `GOOG4${secret}`
      for (const part of [date, location as string, 'storage', 'goog4_request'])
        key = createHmac('sha256', key).update(part).digest()
      const scope = `${date}/${location}/storage/goog4_request`
      const text = `GOOG4-HMAC-SHA256\n${headers['x-goog-date']}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`
      const covers = ['host', 'x-goog-date', 'x-goog-content-sha256'].every((name) => names.split(';').includes(name))
      return { status: covers && createHmac('sha256', key).update(text).digest('hex') === signature ? 204 : 403 }
    })

  it('is accepted by a server that signs what arrived', async () => {
    const auth = googleHmac({ keyId: 'GOOG1E', secret, location: 'europe-west3' })
    const fetch = createFetch({ baseUrl: await server(false), auth })
    for (const path of ['/', '/bucket/a%20b/ü(1)!*', '/bucket?list-type=2&prefix=a+b%2Fc&delimiter', '/b?x=2&x=10&X=1'])
      expect((await fetch(path)).status, path).toBe(204)
    const headers = { 'content-type': 'text/plain', 'x-goog-meta-a': 'b' }
    expect((await fetch('/bucket/o', { method: 'PUT', headers, body: 'content' })).status).toBe(204)
  })

  it('leaves a stream unread where it is told to', async () => {
    const origin = await server(true)
    const fetch = createFetch({ baseUrl: origin, auth: googleHmac({ keyId: 'GOOG1E', secret, needsBody: false }) })
    expect((await fetch('/o', { method: 'PUT', body: new Blob(['a']).stream() })).status).toBe(204)
  })
})

describe('oauth1', () => {
  const options = {
    consumerKey: 'c k',
    consumerSecret: 'c&s',
    token: 't',
    tokenSecret: 't s',
    nonce: () => 'n',
    parameters: { oauth_version: '1.0' },
  } as const
  /** RFC 5849, section 3.4.1, from what arrived. */
  function expected(method: string, url: URL, form: string, oauth: Record<string, string>): string {
    const pairs = [...url.searchParams, ...new URLSearchParams(form), ...Object.entries(oauth)]
      .filter(([name]) => name !== 'oauth_signature' && name !== 'realm')
      .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    // `=` sorts after `%` and digits, so names are told apart from what they begin with.
    const sorted = pairs
      .map((pair) => pair.replace('=', '\u0001'))
      .toSorted()
      .map((pair) => pair.replace('\u0001', '='))
    const base = [method, `${url.origin}${url.pathname}`, sorted.join('&')].map(encoded).join('&')
    return createHmac('sha1', `${encoded('c&s')}&${encoded('t s')}`)
      .update(base)
      .digest('base64')
  }

  it('signs random queries and forms in header, query and form', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 8 })
    const pairs = fc.array(fc.tuple(text, text), { maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('header' as const, 'query' as const, 'form' as const),
        pairs,
        pairs,
        async (where, query, form) => {
          const request = await authenticated(oauth1({ ...options, in: where, realm: 'a "b"' }), {
            method: 'POST',
            url: `https://api.example.com/p?${new URLSearchParams(query)}`,
            body: new URLSearchParams(form),
            now: 5000,
          })
          const url = new URL(request.url)
          const body = await request.text()
          let oauth: Record<string, string> = {}
          let signature: string | null
          if (where === 'header') {
            const header = request.headers.get('authorization') as string
            expect(header).toMatch(/^OAuth realm="a \\"b\\"", /)
            oauth = Object.fromEntries(
              [...header.matchAll(/(oauth_\w+)="([^"]*)"/g)].map(([, name, value]) => [
                name,
                decodeURIComponent(value as string),
              ]),
            )
            signature = oauth.oauth_signature as string
          } else signature = (where === 'query' ? url.searchParams : new URLSearchParams(body)).get('oauth_signature')
          url.searchParams.delete('oauth_signature')
          const rest = new URLSearchParams(body)
          rest.delete('oauth_signature')
          expect(signature).toBe(expected('POST', url, rest.toString(), oauth))
        },
      ),
      { numRuns: 200 },
    )
  })

  it('keys SHA-256 and SHA-512, and refuses what the server could not read', async () => {
    for (const [signatureMethod, length] of [
      ['HMAC-SHA256', 44],
      ['HMAC-SHA512', 88],
    ] as const) {
      const request = await authenticated(oauth1({ ...options, signatureMethod, in: 'query' }), {
        url: 'https://a.example',
      })
      expect(new URL(request.url).searchParams.get('oauth_signature')).toHaveLength(length)
    }
    expect(() => oauth1({ ...options, signatureMethod: 'PLAINTEXT' as never })).toThrow(
      expect.objectContaining({ code: 'invalid_option' }),
    )
    expect(() => oauth1({ ...options, in: 'body' as never })).toThrow(
      expect.objectContaining({ code: 'invalid_option' }),
    )
  })
})
