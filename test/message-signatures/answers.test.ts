import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { httpbis } from 'http-message-signatures'
import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { createClient } from '../../src/index.ts'
import {
  type MessageSignatureOptions,
  messageSignature,
  signatureVerifier,
} from '../../src/message-signatures/message-signatures.ts'
import { api, type Reply, type Seen } from '../servers/api.ts'
import { judging } from './judge.ts'
import { keys, peerSigner } from './keys.ts'

const sign = (more: Partial<MessageSignatureOptions> = {}) =>
  messageSignature({ key: keys.ed25519, algorithm: 'ed25519', keyid: 'ed25519', ...more })
const input = (request: Seen) => String(request.headers['signature-input'])

describe('10 Accept-Signature is answered with one replay', () => {
  it('what is asked for is covered beside what is covered anyway, and later requests know it', async () => {
    const asks = 'theirs=("@scheme" "@method" "x-app" "x-absent");created;expires;tag="app"'
    const { url, seen } = await api(
      judging('ed25519', (request) =>
        /^theirs=\("@method" "@authority" "@path" "@query" "@scheme" "x-app"\);created=\d+;expires=\d+;.*;tag="app"$/.test(
          input(request),
        )
          ? {}
          : { status: 401, headers: { 'accept-signature': asks } },
      ),
    )
    const events: unknown[] = []
    const client = createClient({ baseUrl: url, auth: sign(), onEvent: (event) => events.push(event) })
    const headers = { 'x-app': '1' }
    expect((await client.get('a', { headers })).status).toBe(200)
    expect(events).toContainEqual(expect.objectContaining({ type: 'replay', reason: 'accept_signature' }))
    expect(seen).toHaveLength(2)
    expect((await client.get('b', { headers })).status).toBe(200)
    expect(seen).toHaveLength(3)
    await client.get('c').catch(() => {})
    expect(input(seen[3] as Seen)).not.toContain('x-app')
    // What this request does not have it will not have in another attempt.
    expect(seen).toHaveLength(4)
  })

  it('a nonce is for the request that it was given for', async () => {
    const given = new Map<string, string>()
    const used = new Set<string>()
    const { url, seen } = await api(
      judging('ed25519', (request) => {
        const nonce = /nonce="([^"]+)"/.exec(input(request))?.[1] ?? ''
        if (given.get(nonce) === request.url && !used.has(nonce)) {
          used.add(nonce)
          return {}
        }
        const fresh = `nonce-${given.size}`
        given.set(fresh, request.url)
        return {
          status: 401,
          headers: { 'accept-signature': `sig=("@method");created;nonce="${fresh}";keyid="ed25519";alg="ed25519"` },
        }
      }),
    )
    const fetch = createFetch({ baseUrl: url, auth: sign() })
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => fetch(`${url}${i}`)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(seen).toHaveLength(100)
  })

  it.each([
    ['another key', 'sig=("@method" "x");keyid="other"'],
    ['another algorithm', 'sig=("@method" "x");alg="hmac-sha256"'],
    ['another purpose', 'sig=("@method" "x");tag="login"'],
    ['a component of an answer', 'sig=("@status");created'],
    ['trailers', 'sig=("x";tr);created'],
    ['nothing that can be read', 'sig=("@method"'],
    ['what was given already', 'sig=("@method" "@path");created;keyid="ed25519";tag="mine"'],
    ['no list', 'sig=1, other="@method"'],
    ['nothing', ''],
  ])('no replay for %s', async (_, asks) => {
    const { url, seen } = await api(() => ({ status: 401, headers: { 'accept-signature': asks } }))
    expect((await createFetch({ baseUrl: url, auth: sign({ tag: 'mine' }) })(url)).status).toBe(401)
    expect(seen).toHaveLength(1)
  })

  it('a 429 asks for patience, whatever else it asks for', async () => {
    const { url, seen } = await api(() => ({
      status: 429,
      headers: { 'retry-after': '60', 'accept-signature': 'sig=("x");nonce="n"', 'want-content-digest': 'sha-512=1' },
    }))
    const { status } = await createFetch({ baseUrl: url, auth: sign(), maxWait: 10 })(url, {
      method: 'POST',
      body: 'x',
    })
    expect([status, seen.length]).toEqual([429, 1])
  })

  it('no more than one, whatever the server goes on asking for', async () => {
    const { url, seen } = await api((_, index) => ({
      status: 400,
      headers: { 'accept-signature': `s${index}=("x-${index}");nonce="${index}"` },
    }))
    const { status } = await createFetch({ baseUrl: url, auth: sign() })(url, { method: 'POST', body: 'x' })
    expect(status).toBe(400)
    expect(seen).toHaveLength(2)
  })
})

describe('10 Want-Content-Digest is answered with one replay', () => {
  it('the wanted algorithm is used, then and later', async () => {
    const { url, seen } = await api(
      judging('ed25519', ({ headers }) =>
        String(headers['content-digest']).startsWith('sha-512')
          ? {}
          : { status: 400, headers: { 'want-content-digest': 'sha-512=3, sha-256=1, unixsum=10' } },
      ),
    )
    const fetch = createFetch({ baseUrl: url, auth: sign() })
    for (const expected of [2, 3]) {
      expect((await fetch(url, { method: 'POST', body: 'content' })).status).toBe(200)
      expect(seen).toHaveLength(expected)
    }
  })

  it.each(['sha-256=10', 'sha-512=0', 'md5=9', 'sha-512=11', 'sha-512="1"', '(', ''])(
    'no replay for %j',
    async (wants) => {
      const { url, seen } = await api(() => ({ status: 400, headers: { 'want-content-digest': wants } }))
      await createFetch({ baseUrl: url, auth: sign() })(url, { method: 'POST', body: 'content' })
      expect(seen).toHaveLength(1)
    },
  )

  it('no replay where there is no content', async () => {
    const { url, seen } = await api(() => ({ status: 400, headers: { 'want-content-digest': 'sha-512=1' } }))
    await createFetch({ baseUrl: url, auth: sign() })(url)
    expect(seen).toHaveLength(1)
  })
})

describe('10 answers are verified', () => {
  const responses = signatureVerifier({
    keys: ({ keyid }) =>
      keyid === 'ecdsa-p256-sha256' ? { key: keys['ecdsa-p256-sha256'], algorithm: 'ecdsa-p256-sha256' } : undefined,
    components: ['@status', 'content-digest', '@method;req', '@target-uri;req', 'signature;key="sig";req'],
  })
  const auth = sign({ responses })

  /** What the server of the peer says, bound to the request, before `change`. */
  async function said(
    request: Seen,
    status: number,
    body: string,
    more: Record<string, string> = {},
    created = new Date(),
  ): Promise<Reply> {
    const headers = { ...more, 'content-digest': `sha-512=:${createHash('sha512').update(body).digest('base64')}:` }
    const asked = {
      method: request.method,
      url: `http://${request.headers.host}${request.url}`,
      headers: request.headers as Record<string, string>,
    }
    const fields = ['@status', 'content-digest', '@method;req', '@target-uri;req', 'signature;key="sig";req']
    const signed = await httpbis.signMessage(
      { key: peerSigner('ecdsa-p256-sha256'), fields, paramValues: { created } },
      { status, headers },
      asked,
    )
    return { status, headers: signed.headers as Record<string, string>, body }
  }

  it.each([200, 201, 204, 400, 404, 409])('a right %d passes, and its body is unread', async (status) => {
    const body = status === 204 ? '' : 'ü'.repeat(100_000)
    const { url } = await api(judging('ed25519', (request) => said(request, status, body)))
    const response = await createFetch({ baseUrl: url, auth })(`${url}a?b`, { method: 'POST', body: 'x' })
    expect(response.status).toBe(status)
    expect(response.url).toBe(`${url}a?b`)
    expect(response.clone().url).toBe(`${url}a?b`)
    expect(await response.text()).toBe(body)
  })

  const wrongs: Record<string, [change: (reply: Reply, request: Seen) => Reply | Promise<Reply>, code: string]> = {
    'no signature': [(reply) => ({ ...reply, headers: {} }), 'signature_missing'],
    'another body': [(reply) => ({ ...reply, body: `${reply.body}!` }), 'digest_mismatch'],
    'a body that was cut': [(reply) => ({ ...reply, body: String(reply.body).slice(1) }), 'digest_mismatch'],
    'another status': [(reply) => ({ ...reply, status: 201 }), 'signature_invalid'],
    'another digest': [
      (reply) => ({ ...reply, headers: { ...reply.headers, 'content-digest': 'sha-256=:AA==:' } }),
      'signature_invalid',
    ],
    'the answer to another request': [
      (_, request) => said({ ...request, url: '/other' }, 200, 'content'),
      'signature_invalid',
    ],
    'a signature that was cut': [
      (reply) => ({ ...reply, headers: { ...reply.headers, Signature: 'sig=:AA==:' } }),
      'signature_invalid',
    ],
    garbage: [
      (reply) => ({ ...reply, headers: { ...reply.headers, 'Signature-Input': 'sig=("@status' } }),
      'signature_malformed',
    ],
  }

  it.each(Object.keys(wrongs))('%s is a typed error', async (what) => {
    const [change, code] = wrongs[what] as (typeof wrongs)[string]
    const { url, seen } = await api(async (request) => change(await said(request, 200, 'content'), request))
    await expect(createFetch({ baseUrl: url, auth })(url)).rejects.toMatchObject({ name: 'SignatureError', code })
    await expect(createClient({ baseUrl: url, auth }).get('').json()).rejects.toMatchObject({
      name: 'SignatureError',
      code,
    })
    expect(seen).toHaveLength(2)
  })

  it.each([401, 403, 429, 500, 503])('an unsigned %d may be of a proxy', async (status) => {
    const { url, seen } = await api((request, index) =>
      index ? said(request, 200, 'ok') : { status, headers: status < 429 ? {} : { 'retry-after': '0' } },
    )
    const response = await createFetch({ baseUrl: url, auth, retry: { delay: () => 1 } })(url)
    // It was tried again where that may help, and handed up where not.
    expect([response.status, seen.length]).toEqual(status < 429 ? [status, 1] : [200, 2])
  })

  it('what is compressed cannot be compared, so it is asked for as it is', async () => {
    const { url, seen } = await api(async (request, _, response) => {
      const body = gzipSync('content')
      const digest = `sha-512=:${createHash('sha512').update(body).digest('base64')}:`
      const { headers } = await said(request, 200, 'content')
      response.writeHead(200, { ...headers, 'content-encoding': 'gzip', 'content-digest': digest }).end(body)
    })
    await expect(createFetch({ baseUrl: url, auth })(url)).rejects.toMatchObject({ name: 'SignatureError' })
    expect(seen[0]?.headers['accept-encoding']).toBe('identity')
  })

  it('an answer to HEAD has no content to compare', async () => {
    const { url } = await api((request) => said(request, 200, 'content'))
    expect((await createFetch({ baseUrl: url, auth })(url, { method: 'HEAD' })).status).toBe(200)
  })

  it('5 an answer by a clock that is off is taken: the clock is known by then', async () => {
    const now = () => new Date(Date.now() + 3_600_000)
    const { url, seen } = await api((request) => said(request, 200, 'ok', { date: now().toUTCString() }, now()))
    expect((await createFetch({ baseUrl: url, auth })(url)).status).toBe(200)
    expect(seen).toHaveLength(1)
  })

  it('5 a signed refusal by a clock that is off is verified, and the request sent anew by that clock', async () => {
    const now = () => new Date(Date.now() + 3_600_000)
    const { url, seen } = await api((request) => {
      const late = now().getTime() - Number(/created=(\d+)/.exec(input(request))?.[1]) * 1000 > 60_000
      return said(request, late ? 400 : 200, 'content', { date: now().toUTCString() }, now())
    })
    expect((await createFetch({ baseUrl: url, auth })(url)).status).toBe(200)
    expect(seen).toHaveLength(2)
  })
})
