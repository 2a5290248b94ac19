// What one attempt gives, and leaves behind.
import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { type AuthStrategy, apiKey, bearer, type ClientEvent, CredentialError, createClient, type Fetch } from '../../src/index.ts' // biome-ignore format: one line
import { api } from '../servers/api.ts'

afterEach(() => void vi.useRealTimers())

const origin = 'https://api.example.com'
const KEY = 'a-key-of-nobody'
const auth = [apiKey({ name: 'X-Key', value: KEY }), apiKey({ in: 'query', name: 'k', value: 'in the query' })]
const throwing = (error: unknown) => {
  const fetch: Fetch = async (request) => {
    throw typeof error === 'function' ? error((request as Request).url) : error
  }
  return createFetch({ baseUrl: origin, auth, retry: 0, fetch })('/users?page=2', {
    headers: { 'x-mine': 'a header of the caller' },
  }).catch((caught) => caught)
}

describe('what a transport throws', () => {
  it('keeps its words where they quote nothing that was placed, and the code of its cause', async () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED', host: KEY })
    const error = await throwing(new TypeError('fetch failed', { cause }))
    expect(error).toBeInstanceOf(TypeError)
    expect([error.message, error.cause.message, error.cause.code]).toEqual(['fetch failed', cause.message, 'ECONNREFUSED']) // biome-ignore format: one line
    expect(Object.keys(error.cause)).toEqual(['code'])
    expect((await throwing(new TypeError('a header of the caller is too long'))).message).toBe('a header of the caller is too long') // biome-ignore format: one line
    expect((await throwing(new TypeError('Load failed'))).cause).toBeUndefined()
    expect((await throwing(Object.assign(new Error('x'), { code: 'ECONNRESET' }))).cause).toMatchObject({ code: 'ECONNRESET', message: '' }) // biome-ignore format: one line
    expect((await throwing(Object.assign(new Error('x'), { code: 7 }))).cause).toBeUndefined()
    expect((await throwing(undefined)).message).toBe('fetch failed')
  })

  it('shows the URL as the caller wrote it, and nothing that quotes a credential, whole or in part', async () => {
    const quoting = (url: string) => new Error(`cannot reach ${url}`)
    expect((await throwing(quoting)).message).toBe(`cannot reach ${origin}/users?page=2`)
    for (const [said, shown] of [
      [`header x-key: ${KEY}`, 'fetch failed'],
      ['?page=2&k=in%20the%20query', 'fetch failed'],
      ['the page is not there', 'the page is not there'],
      ['they asked in the query', 'fetch failed'],
      // Too short to be told from any other word.
      ['in it went', 'in it went'],
    ])
      expect((await throwing(new Error(said))).message).toBe(shown)
  })

  it('is what it was where it says so itself', async () => {
    const own = new CredentialError('credential_unavailable', 'mine')
    expect(await throwing(own)).toBe(own)
    const aborted = await throwing(new DOMException(`aborted ${KEY}`, 'DataError'))
    expect([aborted.constructor, aborted.name, aborted.message]).toEqual([DOMException, 'DataError', 'fetch failed'])
  })
})

it('leaves no timer and no listener behind, whether it was answered, failed or took too long', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const { signal } = new AbortController()
  const outcomes: [Fetch, unknown][] = [
    [(async () => new Response('x')) as Fetch, 200],
    [(() => Promise.reject(new TypeError('x'))) as Fetch, 'TypeError'],
    [(() => new Promise(() => {})) as Fetch, 'TimeoutError'],
  ]
  for (const [fetch, outcome] of outcomes) {
    const made = createFetch({ fetch, retry: 0, timeout: 100 })(origin, { signal }).then(
      async (response) => (await response.text()) && response.status,
      ({ name }) => name,
    )
    await vi.advanceTimersByTimeAsync(99)
    await vi.advanceTimersByTimeAsync(1)
    expect(await made).toBe(outcome)
    expect(vi.getTimerCount()).toBe(0)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  }
})

it('a strategy may give other content, of which the length and the type stay true', async () => {
  const { url, seen } = await api()
  const wrapping: AuthStrategy = {
    places: ['form:wrapped'],
    needsBody: true,
    authenticate: (_, attempt) => attempt.setBody(new TextEncoder().encode(`${new TextDecoder().decode(attempt.body)}&wrapped=1`)), // biome-ignore format: one line
  }
  await createFetch({ baseUrl: url, auth: wrapping })('/', { method: 'POST', body: new URLSearchParams({ a: 'b' }) })
  expect(seen[0]?.body.toString()).toBe('a=b&wrapped=1')
  expect(seen[0]?.headers).toMatchObject({ 'content-length': '13', 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' }) // biome-ignore format: one line
})

it('what a Request says beside its URL goes along, and what it does not say is not made up', async () => {
  const sent: Request[] = []
  const fetch = createFetch({
    fetch: (async (request: Request) => {
      sent.push(request)
      return new Response()
    }) as Fetch,
  })
  await fetch(new Request(origin, { cache: 'no-store', credentials: 'include', integrity: 'sha256-x', keepalive: true, referrerPolicy: 'origin' })) // biome-ignore format: one line
  expect(sent[0]).toMatchObject({ cache: 'no-store', credentials: 'include', integrity: 'sha256-x', keepalive: true, referrerPolicy: 'origin' }) // biome-ignore format: one line
  await fetch(new Request(origin))
  expect(sent[1]).toMatchObject({ mode: 'cors', cache: 'default', credentials: 'same-origin', integrity: '', keepalive: false, referrer: 'about:client', referrerPolicy: '' }) // biome-ignore format: one line
})

it('an idempotency key is the same on each attempt, another for each request, and the caller’s own stays', async () => {
  const { url, seen } = await api((_, index) => ({ status: index % 2 ? 200 : 503 }))
  const client = createClient({ baseUrl: url, retry: { delay: () => 1 } })
  for (const options of [{ idempotencyKey: true }, { idempotencyKey: true, headers: new Headers() }, { idempotencyKey: 'given' }, { idempotencyKey: true, headers: { 'Idempotency-Key': 'mine' } }] as const) // biome-ignore format: one line
    await client.post('', options)
  const keys = seen.map(({ headers }) => headers['idempotency-key'])
  expect(keys[0]).toBe(keys[1])
  expect(keys[2]).toBe(keys[3])
  expect(keys[0]).toMatch(/^[\da-f-]{36}$/)
  expect(keys[0]).not.toBe(keys[2])
  expect(keys.slice(4)).toEqual(['given', 'given', 'mine', 'mine'])
})

it('a request that ends without an answer says how long it took', async () => {
  const events: ClientEvent[] = []
  const onEvent = (event: ClientEvent) => events.push(event)
  await createFetch({ onEvent, retry: 0, fetch: (() => Promise.reject(new TypeError('x'))) as Fetch })(origin).catch(() => {}) // biome-ignore format: one line
  const end = events.find(({ type }) => type === 'end') as Extract<ClientEvent, { type: 'end' }>
  expect(end).toMatchObject({ error: 'network', attempts: 1 })
  expect(end.duration).toBeGreaterThanOrEqual(0)
  expect(end.duration).toBeLessThan(10_000)
})

it('without credentials redirects to other origins are followed, stripped; with them that is refused', async () => {
  const second = await api()
  const first = await api(() => ({ status: 302, headers: { location: second.url } }))
  expect(await (await createFetch()(first.url, { headers: { 'x-mine': 'secret' } })).text()).toBe('ok')
  expect(second.seen[0]?.headers).not.toHaveProperty('x-mine')
  const fetch = createFetch({ baseUrl: first.url, auth: bearer('token') })
  await expect(fetch('/')).rejects.toMatchObject({ code: 'redirect_refused' })
  expect(second.seen).toHaveLength(1)
})

describe('a client that grows from another', () => {
  it('takes neither limits nor quota, and says so', () => {
    const client = createClient({ baseUrl: origin })
    for (const options of [{ limits: 'none' }, { quota: () => [] }])
      expect(() => client.extend(options as never)).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  })

  it('may listen for itself, and have a transport of its own', async () => {
    const heard: string[] = []
    const answering = (body: string) => (async () => new Response(body)) as Fetch
    const one = createClient({ baseUrl: origin, fetch: answering('one'), onEvent: ({ type }) => heard.push(`one ${type}`) }) // biome-ignore format: one line
    const two = one.extend({ fetch: answering('two') })
    const three = one.extend({ onEvent: ({ type }) => heard.push(`three ${type}`) })
    expect(await Promise.all([one, two, three].map((client) => client.get('').text()))).toEqual(['one', 'two', 'one'])
    expect(heard.filter((event) => event.endsWith('end')).sort()).toEqual(['one end', 'one end', 'three end'])
  })
})
