import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { hmac } from '../../src/hmac/hmac.ts'
import { apiKey, type Limiter } from '../../src/index.ts'
import { type Arrived, serve } from '../servers/raw.ts'

const KEY = 'key-beside-the-signature'

describe('3 every attempt and every hop is signed anew', () => {
  const SECRET = 'secret-of-the-signer'
  const signer = () =>
    hmac({
      secret: SECRET,
      hash: 'sha256',
      encoding: 'hex',
      nonce: 'hex',
      timestamp: 'ms',
      message: ({ timestamp, nonce, method, target, body }) => [timestamp, nonce, method, target, body],
      place: ({ timestamp, nonce, signature }) => ({
        headers: { 'X-Timestamp': timestamp, 'X-Nonce': nonce, 'X-Signature': signature },
      }),
    })
  const verified = ({ method, target, headers, body }: Arrived) =>
    createHmac('sha256', SECRET)
      .update(`${headers['x-timestamp']}${headers['x-nonce']}${method}${target}`)
      .update(body)
      .digest('hex') === headers['x-signature']

  it('503, 503, 200 are three nonces and three timestamps', async () => {
    const seen: Arrived[] = []
    const baseUrl = await serve((arrived) => {
      seen.push(arrived)
      return { status: !verified(arrived) ? 401 : seen.length < 3 ? 503 : 200 }
    })
    const fetch = createFetch({ baseUrl, auth: signer(), retry: { delay: () => 5, jitter: false } })
    expect((await fetch('/a', { method: 'PUT', body: 'x' })).status).toBe(200)
    expect(new Set(seen.map(({ headers }) => headers['x-nonce'])).size).toBe(3)
    expect(new Set(seen.map(({ headers }) => headers['x-timestamp'])).size).toBe(3)
  })

  it('POST is not tried again unless allowed', async () => {
    let requests = 0
    const baseUrl = await serve(() => ({ status: 503 - 0 * requests++ }))
    const fetch = createFetch({ baseUrl, auth: signer(), retry: { delay: () => 1 } })
    await fetch('/a', { method: 'POST', body: 'x' })
    expect(requests).toBe(1)
    await fetch('/a', { method: 'POST', body: 'x', idempotencyKey: 'one' })
    expect(requests).toBe(4)
  })

  for (const status of [301, 302, 303, 307, 308])
    it(`a ${status} within the origin verifies at the second path`, async () => {
      const seen: Arrived[] = []
      const baseUrl = await serve((arrived) => {
        seen.push(arrived)
        if (!verified(arrived)) return { status: 401 }
        return arrived.target === '/a?x=1' ? { status, headers: { location: 'b/../c?y=%7e' } } : {}
      })
      const auth = [signer(), apiKey({ name: 'X-API-Key', value: KEY })]
      expect((await createFetch({ baseUrl, auth })('/a?x=1', { method: 'POST', body: 'content' })).status).toBe(200)
      expect(seen.map(({ method, target }) => `${method} ${target}`)).toEqual([
        'POST /a?x=1',
        `${status < 307 ? 'GET' : 'POST'} /c?y=%7e`,
      ])
      expect(seen[0]?.headers['x-nonce']).not.toBe(seen[1]?.headers['x-nonce'])
    })

  it('4 signed bytes are sent bytes also after a hop and a retry: a form keeps its boundary', async () => {
    const seen: Arrived[] = []
    const baseUrl = await serve((arrived) => {
      seen.push(arrived)
      if (!verified(arrived)) return { status: 401 }
      if (seen.length === 1) return { status: 307, headers: { location: '/b' } }
      return { status: seen.length === 2 ? 503 : 200 }
    })
    const form = new FormData()
    form.set('a', new Blob(['\u0000\r\n']), 'b')
    const fetch = createFetch({ baseUrl, auth: signer(), retry: { delay: () => 1, methods: ['post'] } })
    expect((await fetch('/a', { method: 'POST', body: form })).status).toBe(200)
    expect(new Set(seen.map(({ headers }) => headers['content-type'])).size).toBe(1)
    expect(seen.every(({ body, headers }) => body.includes(headers['content-type']!.split('boundary=')[1]!))).toBe(true)
  })

  it('4 content that changes while the request waits is sent as it was signed', async () => {
    const baseUrl = await serve((arrived) => ({ status: verified(arrived) ? 200 : 401 }))
    const body = new Uint8Array([1, 2, 3])
    const limiter: Limiter = {
      run(_, send) {
        body[0] = 9
        return send()
      },
    }
    const fetch = createFetch({ baseUrl, auth: signer(), limiter })
    expect((await fetch('/', { method: 'POST', body })).status).toBe(200)
  })

  it('4 a stream without a rule throws before any byte leaves', async () => {
    let requests = 0
    const baseUrl = await serve(() => ({ status: 200 + requests++ }))
    const body = () => new Blob(['x']).stream()
    const fetch = createFetch({ baseUrl, auth: signer() })
    await expect(fetch('/', { method: 'POST', body })).rejects.toMatchObject({ code: 'body_not_replayable' })
    await expect(fetch('/', { method: 'POST', body: body() })).rejects.toMatchObject({ code: 'body_not_replayable' })
    expect(requests).toBe(0)
  })
})
