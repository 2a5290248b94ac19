import EdgeGrid from 'akamai-edgegrid'
import fc from 'fast-check'
import * as hawkPeer from 'hawk'
import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { edgeGrid } from '../../src/hmac/presets/edge-grid.ts'
import { hawk } from '../../src/hmac/presets/hawk.ts'
import { type Arrived, serve } from '../servers/raw.ts'
import { authenticated } from './attempt.ts'

const visible = fc.string({ unit: fc.constantFrom(...'abcXYZ019 .;:,=/+*()!~@[]{}|<>?#&%$^_\\"\'`-'), maxLength: 20 })
const wire = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
    host: fc.constantFrom('https://api.example.com', 'http://127.0.0.1:8080', 'https://xn--bcher-kva.example:8443'),
    path: fc.array(fc.string({ unit: 'grapheme', maxLength: 6 }).map((s) => encodeURIComponent(s))),
    query: fc.array(fc.tuple(visible, visible)),
    body: fc.string({ unit: 'grapheme', maxLength: 200 }),
    type: fc.constantFrom('text/plain', 'Application/JSON; charset=utf-8', 'application/x-www-form-urlencoded'),
    now: fc.integer({ min: 1_000_000_000_000, max: 4_000_000_000_000 }),
    nonce: fc.stringMatching(/^[\w-]{1,20}$/),
  })
  // What URL itself writes is what travels; our own escape of `|` is not part of the peers.
  .map(({ host, path, query, ...rest }) => {
    const url = new URL(`${host}/v1/${path.join('/')}?${new URLSearchParams(query)}`)
    url.pathname = url.pathname.replaceAll('|', '%7C')
    return { ...rest, url: url.search ? url.href : url.origin + url.pathname }
  })

describe('hawk', () => {
  const key = { keyId: 'dh37fgj492je', secret: 'werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn' }

  it('writes what the reference client writes', async () => {
    await fc.assert(
      fc.asyncProperty(
        wire,
        fc.constantFrom('sha256' as const, 'sha1' as const),
        visible.map((text) => text.replace(/["\\]/g, '').trim()),
        fc.boolean(),
        async ({ method, url, body, type, now, nonce }, algorithm, ext, oz) => {
          const content = method !== 'GET'
          const theirs = hawkPeer.client.header(new URL(url), method, {
            credentials: { id: key.keyId, key: key.secret, algorithm },
            timestamp: Math.floor(now / 1000),
            nonce,
            ext,
            ...(content && { payload: body, contentType: type }),
            ...(oz && { app: 'app-1', dlg: 'dlg-1' }),
          })
          const request = await authenticated(
            hawk({ ...key, algorithm, ext, nonce: () => nonce, ...(oz && { app: 'app-1', dlg: 'dlg-1' }) }),
            {
              method,
              url,
              headers: { 'content-type': type },
              now,
              ...(content && { body: new TextEncoder().encode(body) }),
            },
          )
          expect(request.headers.get('authorization')).toBe(theirs.header)
        },
      ),
      { numRuns: 300 },
    )
  })

  /** What the reference server says of a raw request: 204, or 401 with its reason. */
  async function verify({ method, target, headers, body }: Arrived, seen: Set<string>) {
    try {
      await hawkPeer.server.authenticate(
        { method, url: target, headers, connection: {} },
        () => ({ key: key.secret, algorithm: 'sha256' }),
        {
          ...(body.length && { payload: body.toString() }),
          nonceFunc: (_: string, nonce: string) => {
            if (seen.has(nonce)) throw new Error('seen')
            seen.add(nonce)
          },
        },
      )
      return { status: 204 }
    } catch (error) {
      return { status: 401, body: String(error) }
    }
  }

  it('is accepted by the reference server, on every attempt and after a redirect', async () => {
    const seen = new Set<string>()
    let failures = 2
    const origin = await serve(async (arrived) => {
      const said = await verify(arrived, seen)
      if (said.status !== 204) return said
      if (failures-- > 0) return { status: 503 }
      return arrived.target === '/from?a=1' ? { status: 307, headers: { location: '/to?b=%20' } } : said
    })
    const fetch = createFetch({
      baseUrl: origin,
      auth: hawk({ ...key, ext: 'some data; more=1' }),
      retry: { limit: 3, methods: ['post'], delay: () => 1 },
    })
    const response = await fetch('/from?a=1', { method: 'POST', body: JSON.stringify({ a: 'ü' }) })
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(seen.size).toBe(4)
  })

  it('is refused by it with another secret, or content changed on the way', async () => {
    const origin = await serve((arrived) => verify(arrived, new Set()))
    const wrong = await createFetch({ baseUrl: origin, auth: hawk({ ...key, secret: 'other' }) })('/')
    expect(wrong.status).toBe(401)
    const request = await authenticated(hawk(key), { method: 'POST', url: origin, body: 'content' })
    expect((await fetch(request.clone())).status).toBe(204)
    expect((await fetch(request, { body: 'c0ntent' })).status).toBe(401)
  })
})

describe('10 hawk, answers that are signed', () => {
  const key = { keyId: 'dh37fgj492je', secret: 'werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn' }
  type Change = (answer: { headers: Record<string, string>; body: string }) => unknown

  /** The reference server signs its answer; somebody on the way changes it. */
  async function signing(change: Change = () => {}, payload: 'hashed' | 'not' = 'hashed') {
    const type = 'text/plain; charset=utf-8'
    return serve(async ({ method, target, headers, body }) => {
      const request = { method, url: target, headers, connection: {} }
      const { artifacts, credentials } = await hawkPeer.server.authenticate(
        request,
        () => ({ key: key.secret, algorithm: 'sha256' }),
        { ...(body.length && { payload: body.toString() }) },
      )
      const said = { ext: 'of the server', ...(payload === 'hashed' && { payload: 'ünswer', contentType: type }) }
      const signature = hawkPeer.server.header(credentials, artifacts, said)
      const answer = { headers: { 'content-type': type, 'server-authorization': signature }, body: 'ünswer' }
      change(answer)
      return answer
    })
  }
  const ask = async (baseUrl: string, mutual = true) =>
    createFetch({ baseUrl, auth: hawk({ ...key, mutual, app: 'app', dlg: 'dlg' }) })('/a?b', {
      method: 'POST',
      body: 'x',
    })

  it('are accepted from the reference server', async () => {
    expect(await (await ask(await signing())).text()).toBe('ünswer')
    expect(await (await ask(await signing(() => {}, 'not'))).text()).toBe('ünswer')
  })

  it.each<[string, Change]>([
    ['content', (answer) => Object.assign(answer, { body: 'answer' })],
    ['the media type', ({ headers }) => Object.assign(headers, { 'content-type': 'text/html' })],
    ['the data', ({ headers }) => Object.assign(headers, { 'server-authorization': headers['server-authorization']?.replace('of the', 'of a') })],
    ['the signature', ({ headers }) => Object.assign(headers, { 'server-authorization': 'Hawk mac="AAAA"' })],
  ])('%s that was changed is found out', async (_, change) => {
    await expect(ask(await signing(change))).rejects.toMatchObject({ code: 'server_not_proven' })
    await expect(ask(await signing(change), false)).rejects.toMatchObject({ code: 'server_not_proven' })
  }) // biome-ignore format: one line each

  it('a server that signs nothing is trusted, unless the caller wants proof', async () => {
    const silent = await signing(({ headers }) => delete headers['server-authorization'])
    expect((await ask(silent, false)).status).toBe(200)
    await expect(ask(silent)).rejects.toMatchObject({ code: 'server_not_proven' })
  })
})

describe('edge-grid', () => {
  it('writes what the reference client writes', async () => {
    const key = { clientToken: 'akab-client', clientSecret: 'c2VjcmV0LXNlY3JldC1zZWNyZXQ=', accessToken: 'akab-access' }
    await fc.assert(
      fc.asyncProperty(wire, visible, fc.boolean(), async ({ method, url, body, type }, value, long) => {
        const { origin, pathname, search } = new URL(url.replace('http:', 'https:'))
        const text = long ? body.padEnd(140_000, 'x').replace(/[^\x20-\x7e]/g, '?') : body
        const header = value.trim()
        const theirs = new EdgeGrid(key.clientToken, key.clientSecret, key.accessToken, origin).auth({
          method,
          path: pathname + search,
          body: method === 'GET' ? '' : text,
          headersToSign: { 'X-B': header, 'X-A': '1' },
        }).request.headers.Authorization
        const [, at = '', nonce = ''] = /timestamp=([^;]+)\+0000;nonce=([^;]+);/.exec(theirs) ?? []
        const now = Date.parse(`${at.replace(/^(....)(..)/, '$1-$2-')}Z`)
        const request = await authenticated(edgeGrid({ ...key, headersToSign: ['X-B', 'X-A'], nonce: () => nonce }), {
          method,
          url: origin + pathname + search,
          now,
          headers: { 'x-a': '1', 'x-b': header, 'content-type': type },
          ...(method !== 'GET' && { body: new TextEncoder().encode(text) }),
        })
        expect(request.headers.get('authorization')).toBe(theirs)
      }),
      { numRuns: 200 },
    )
  })
})
