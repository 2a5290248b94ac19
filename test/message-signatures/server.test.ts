import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { bearer, createClient, type Fetch } from '../../src/index.ts'
import { type MessageSignatureOptions, messageSignature } from '../../src/message-signatures/message-signatures.ts'
import { api } from '../servers/api.ts'
import { judging } from './judge.ts'
import { algorithms, keys } from './keys.ts'

const sign = (more: Partial<MessageSignatureOptions> = {}) =>
  messageSignature({ key: keys.ed25519, algorithm: 'ed25519', keyid: 'ed25519', ...more })
const nonceOf = (input: unknown) => /nonce="([^"]+)"/.exec(String(input))?.[1]

describe('signatures through the pipeline, verified by http-message-signatures', () => {
  it.each(algorithms)('12 %s', async (algorithm) => {
    const { url, seen } = await api(judging(algorithm))
    const auth = messageSignature({
      key: keys[algorithm],
      algorithm,
      keyid: algorithm,
      alg: true,
      expiresIn: 60_000,
      tag: 'app',
    })
    const client = createClient({ baseUrl: url, auth })
    expect((await client.get('a?b=c')).status).toBe(200)
    expect((await client.post('a', { json: { a: 1 } })).status).toBe(200)
    expect(seen[1]?.headers['signature-input']).toMatch(
      new RegExp(
        `^sig=\\("@method" "@authority" "@path" "@query" "content-digest" "content-type"\\);created=\\d+;expires=\\d+;nonce="[\\w-]{22}";keyid="${algorithm}";alg="${algorithm}";tag="app"$`,
      ),
    )
  })

  it('4 a signature may leave the content out, which then may be a stream', async () => {
    const { url, seen } = await api(judging('ed25519'))
    const body = () => new Blob(['x'.repeat(1000)]).stream()
    const auth = sign({ contentDigest: false })
    expect((await createClient({ baseUrl: url, auth }).post('', { body })).status).toBe(200)
    expect(seen[0]?.body).toHaveLength(1000)
  })

  it('12 host and content-length are covered as the runtime sends them', async () => {
    const { url, seen } = await api(judging('ed25519'))
    const auth = sign({ components: ['host', 'content-length', 'content-digest', 'x-list;bs', 'x-list;sf'] })
    expect(
      (
        await createFetch({ baseUrl: url, auth })(url, {
          method: 'POST',
          body: 'four',
          headers: { 'x-list': 'a,   b;q="1"' },
        })
      ).status,
    ).toBe(200)
    expect(seen).toHaveLength(1)
  })

  it('what other strategies placed in headers is covered', async () => {
    const { url, seen } = await api(judging('ed25519'))
    const auth = [sign(), bearer('token')]
    expect((await createFetch({ baseUrl: url, auth })(`${url}x?y=1`)).status).toBe(200)
    expect(seen[0]?.headers['signature-input']).toContain('"authorization"')
  })

  it('a signature that the request carries already stays beside ours', async () => {
    const { url, seen } = await api()
    const headers = { 'signature-input': 'other=();created=1', signature: 'other=:AA==:' }
    await createFetch({ baseUrl: url, auth: sign() })(url, { headers })
    expect(seen[0]?.headers['signature-input']).toMatch(/^other=\(\);created=1, sig=\(/)
    expect(seen[0]?.headers.signature).toMatch(/^other=:AA==:, sig=:/)
    const call = createFetch({ baseUrl: url, auth: sign({ label: 'other' }) })(url, { headers })
    await expect(call).rejects.toMatchObject({ code: 'invalid_option' })
    expect(seen).toHaveLength(1)
  })
})

describe('4 any byte that is changed on the way is refused', () => {
  const changes: Record<string, (request: Request, body: Uint8Array) => { url?: string; init?: RequestInit }> = {
    method: () => ({ init: { method: 'PUT' } }),
    path: ({ url }) => ({ url: url.replace('/a', '/b') }),
    query: ({ url }) => ({ url: url.replace('x=1', 'x=2') }),
    'a parameter that is added': ({ url }) => ({ url: `${url}&y=2` }),
    'content-type': () => ({ init: { headers: { 'content-type': 'text/html' } } }),
    authorization: () => ({ init: { headers: { authorization: 'Bearer tokem' } } }),
    content: (_, body) => ({ init: { body: new Uint8Array(body).map((byte, i) => (i === 2 ? byte ^ 1 : byte)) } }),
    'content, cut': (_, body) => ({ init: { body: new Uint8Array(body).slice(1) } }),
    'content-digest': ({ headers }) => ({
      init: { headers: { 'content-digest': flipped(headers.get('content-digest'), 12) } },
    }),
    signature: ({ headers }) => ({ init: { headers: { signature: flipped(headers.get('signature'), 8) } } }),
    created: ({ headers }) => ({
      init: {
        headers: { 'signature-input': headers.get('signature-input')?.replace(/created=(\d)/, 'created=0') ?? '' },
      },
    }),
    nonce: ({ headers }) => ({
      init: { headers: { 'signature-input': headers.get('signature-input')?.replace(/nonce="./, 'nonce="') ?? '' } },
    }),
    'the list of components': ({ headers }) => ({
      init: { headers: { 'signature-input': headers.get('signature-input')?.replace('"@path" ', '') ?? '' } },
    }),
    nothing: () => ({}),
  }
  const flipped = (text: string | null, at: number) => {
    const [before, after] = [(text ?? '').slice(0, at), (text ?? '').slice(at + 1)]
    return before + (text?.[at] === 'A' ? 'B' : 'A') + after
  }

  it.each(Object.keys(changes))('%s', async (part) => {
    const { url, seen } = await api(judging('ed25519'))
    const transport: Fetch = async (input, init) => {
      const request = input as Request
      const body = new Uint8Array(await request.clone().arrayBuffer())
      const change = changes[part]?.(request, body) ?? {}
      const headers = new Headers(request.headers)
      for (const [name, value] of Object.entries(change.init?.headers ?? {})) headers.set(name, value)
      return fetch(change.url ?? request.url, {
        method: request.method,
        body,
        ...change.init,
        headers,
        signal: init?.signal ?? null,
      })
    }
    const client = createFetch({ baseUrl: url, auth: [sign(), bearer('token')], fetch: transport, retry: 0 })
    const { status } = await client(`${url}a?x=1`, {
      method: 'POST',
      body: 'content',
      headers: { 'content-type': 'text/plain' },
    })
    expect(status).toBe(part === 'nothing' ? 200 : 401)
    expect(seen).toHaveLength(1)
  })
})

describe('3 every attempt and every hop is signed anew', () => {
  it.each([301, 302, 303, 307, 308])('a %d verifies at the second path', async (status) => {
    const { url, seen } = await api(
      judging('ed25519', ({ url: path }) => (path === '/a' ? { status, headers: { location: '/b?c=%7e' } } : {})),
    )
    expect((await createFetch({ baseUrl: url, auth: sign() })(`${url}a`, { method: 'POST', body: 'x' })).status).toBe(
      200,
    )
    expect(seen).toHaveLength(2)
  })

  it('6 1,000 parallel calls: all verify, no nonce twice', async () => {
    const { url, seen } = await api(judging('ed25519'))
    const fetch = createFetch({ baseUrl: url, auth: sign(), timeout: false })
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const response = await fetch(`${url}${i}`, i % 2 ? { method: 'POST', body: String(i) } : {})
        await response.arrayBuffer()
        return response.status
      }),
    )
    expect(new Set(answers)).toEqual(new Set([200]))
    expect(new Set(seen.map(({ headers }) => nonceOf(headers['signature-input']))).size).toBe(1000)
  })

  it('a key is asked for each attempt, and may change', async () => {
    const { url, seen } = await api(judging('hmac-sha256', (_, index) => ({ status: index ? 200 : 503 })))
    const given = ['d3Jvbmc=', Buffer.from(keys['hmac-sha256'].k as string, 'base64url').toString('base64')]
    let asked = 0
    const key = () => given[asked++] ?? (given[1] as string)
    const auth = messageSignature({
      key,
      algorithm: 'hmac-sha256',
      secretEncoding: 'base64',
      keyid: async () => `key-${asked}`,
    })
    const fetch = createFetch({ baseUrl: url, auth, retry: { delay: () => 1 } })
    expect((await fetch(url)).status).toBe(401)
    expect((await fetch(url)).status).toBe(200)
    expect(seen.map(({ headers }) => /keyid="([^"]+)"/.exec(String(headers['signature-input']))?.[1])).toEqual([
      'key-1',
      'key-2',
    ])
  })
})

it('5 `expires` is by the clock of the server too', async () => {
  for (const off of [3_600_000, -3_600_000]) {
    const { url, seen } = await api(({ headers }) => {
      const [, created, expires] = /created=(\d+);expires=(\d+)/.exec(String(headers['signature-input'])) ?? []
      const now = Date.now() + off
      const right = Math.abs(Number(created) * 1000 - now) < 30_000 && Number(expires) - Number(created) === 60
      return { status: right ? 200 : 401, headers: { date: new Date(now).toUTCString() } }
    })
    const fetch = createFetch({ baseUrl: url, auth: sign({ expiresIn: 60_000 }) })
    expect((await fetch(url)).status).toBe(200)
    expect((await fetch(url)).status).toBe(200)
    expect(seen).toHaveLength(3)
  }
})
