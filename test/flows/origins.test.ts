import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { apiKey, basic, createClient, type LatchkeyError, Secret } from '../../src/index.ts'
import { api } from '../servers/api.ts'

const key = (value = 'key') => apiKey({ name: 'X-Key', value })
const code = (call: Promise<unknown> | (() => unknown)): Promise<string> =>
  Promise.resolve()
    .then(() => (typeof call === 'function' ? call() : call))
    .then(
      () => 'none',
      (error) => error.code ?? error.name,
    )

describe('where credentials may go', () => {
  it('1 T20 nothing leaves for another origin, however it is written', async () => {
    const mine = await api()
    const other = await api()
    const host = new URL(other.url).host
    const client = createClient({ baseUrl: `${mine.url}v1/`, auth: key() })
    const inputs = [
      other.url,
      `//${host}/`,
      `\\\\${host}/`,
      `/\\${host}/`,
      `\t//${host}/`,
      ` ${other.url}`,
      new URL(other.url),
      new Request(other.url),
    ]
    for (const input of inputs) expect(await code(client.get(input))).toBe('origin_not_allowed')
    expect(await code(client.get('x', { baseUrl: other.url }))).toBe('origin_not_allowed')
    expect(await code(client.get('x', { prefix: other.url }))).toBe('origin_not_allowed')
    expect(await code(client.fetch(other.url))).toBe('origin_not_allowed')
    expect(await code(client.fetch(`//${host}/`))).toBe('origin_not_allowed')
    expect(other.seen).toHaveLength(0)
    expect(mine.seen).toHaveLength(0)
  })

  it('1 a host that only looks alike is another origin', async () => {
    const { origin } = await api()
    const client = createClient({ baseUrl: origin, auth: key() })
    for (const input of ['http://127.0.0.1.evil.example/', origin.replace('127.0.0.1', 'localhost')])
      expect(await code(client.get(input))).toBe('origin_not_allowed')
  })

  it('a URL with user information is refused without quoting it', async () => {
    const { origin, seen } = await api()
    const client = createClient({ baseUrl: origin, auth: key() })
    const input = origin.replace('http://', 'http://user:sentinel@')
    for (const call of [() => client.get(input), () => client.fetch(input), () => createFetch({ origins: [input] })]) {
      const error = (await Promise.resolve()
        .then(call as () => Promise<unknown>)
        .catch((reason) => reason)) as LatchkeyError
      expect(error.code).toBe('invalid_option')
      expect(String(error.stack)).not.toContain('sentinel')
    }
    expect(seen).toHaveLength(0)
  })

  it('1 no strategy is asked for a request that is refused: no nonce is used up', async () => {
    const { url } = await api()
    let asked = 0
    const strategy = { places: ['header:x'], authenticate: () => void asked++ }
    await code(createClient({ baseUrl: url, auth: strategy }).get('https://evil.example/'))
    expect(asked).toBe(0)
  })

  it('../ stays on the origin, and auth: false may go anywhere without credentials', async () => {
    const mine = await api()
    const other = await api()
    const client = createClient({ baseUrl: `${mine.url}v1/`, auth: key() })
    await client.get('../../admin')
    expect(mine.seen[0]).toMatchObject({ url: '/admin', headers: { 'x-key': 'key' } })
    await client.get(other.url, { auth: false })
    expect(other.seen[0]?.headers).not.toHaveProperty('x-key')
  })

  it('origins names more than one, and is all there is', async () => {
    const [one, two, three] = [await api(), await api(), await api()]
    const fetch = createFetch({ origins: [one.url, two.origin], auth: key() })
    await Promise.all([fetch(one.url), fetch(two.url)])
    expect(await code(fetch(three.url))).toBe('origin_not_allowed')
    const client = createClient({ baseUrl: three.url, origins: [one.url], auth: key() })
    expect(await code(client.get('x'))).toBe('origin_not_allowed')
  })

  it('auth without a place to go is refused at creation, and per request', async () => {
    expect(await code(() => createClient({ auth: key() }))).toBe('invalid_option')
    expect(await code(() => createFetch({ auth: key() }))).toBe('invalid_option')
    expect(await code(() => createClient({ baseUrl: 'ftp://x', auth: key() }))).toBe('invalid_option')
    expect(await code(() => createClient({ baseUrl: '/api', auth: key() }))).toBe('invalid_option')
    expect(await code(() => createClient().get('https://api.example.com', { auth: key() }))).toBe('invalid_option')
  })

  it('extend to another origin asks for auth or origins', async () => {
    const [one, two] = [await api(), await api()]
    const client = createClient({ baseUrl: one.url, auth: key() })
    expect(await code(() => client.extend({ baseUrl: two.url }))).toBe('invalid_option')
    await client.extend({ baseUrl: `${one.url}v2/` }).get('x')
    await client.extend({ baseUrl: two.url, auth: key('second') }).get('x')
    await client.extend({ baseUrl: two.url, origins: [two.url] }).get('y')
    expect(one.seen[0]?.url).toBe('/v2/x')
    expect(two.seen.map(({ headers }) => headers['x-key'])).toEqual(['second', 'key'])
    const moved = client.extend({ baseUrl: two.url, auth: key('second') })
    expect(await code(moved.get(one.url))).toBe('origin_not_allowed')
  })

  it('plain http only to this machine', async () => {
    for (const baseUrl of [
      'http://api.example.com',
      'http://10.0.0.1',
      'http://127.0.0.1.evil.example',
      'http://localhost.evil.example',
    ])
      expect(await code(createClient({ baseUrl, auth: key() }).get('x'))).toBe('insecure_url')
    const { url } = await api()
    await createClient({ baseUrl: url.replace('127.0.0.1', 'localhost'), auth: key() }).get('x')
  })

  it('two users: neither appears on the requests of the other, nor in HTTPError.options', async () => {
    class Mine {
      places = ['header:x-user'] as const
      readonly #value: string
      constructor(value: string) {
        this.#value = value
      }
      authenticate(request: Request) {
        request.headers.set('x-user', this.#value)
      }
    }
    const plain = (value: string) => ({
      places: ['header:x-user'],
      authenticate: (request: Request) => request.headers.set('x-user', value),
    })
    const { url, seen } = await api(() => ({ status: 404 }))
    for (const make of [
      plain,
      (value: string) => new Mine(value),
      (value: string) => [new Mine(value), key(`${value}-key`)],
    ] as const) {
      seen.length = 0
      const alice = createClient({ baseUrl: url, auth: make('alice-sentinel') })
      const bob = alice.extend({ auth: make('bob-sentinel') })
      const errors = await Promise.all([
        alice.get('1').catch((error) => error),
        bob.get('2').catch((error) => error),
        alice.get('3', { auth: make('carol-sentinel') }).catch((error) => error),
        bob.get('4', { auth: false }).catch((error) => error),
      ])
      const { inspect } = await import('node:util')
      for (const error of errors)
        expect(inspect(error.options, { depth: 20, showHidden: true })).not.toMatch(/sentinel/)
      const users = Object.fromEntries(seen.map(({ url: path, headers }) => [path, JSON.stringify(headers)]))
      expect(users['/1']).toContain('alice')
      expect(users['/1']).not.toMatch(/bob|carol/)
      expect(users['/2']).toContain('bob')
      expect(users['/2']).not.toMatch(/alice|carol/)
      expect(users['/3']).toContain('carol')
      expect(users['/3']).not.toMatch(/alice|bob/)
      expect(users['/4']).not.toMatch(/alice|bob|carol/)
    }
  })
})

describe('redirects', () => {
  it.each([301, 302, 303, 307, 308])(
    '2 T19 a %i to another origin is refused, and nothing reaches it',
    async (status) => {
      const other = await api()
      const mine = await api(() => ({ status, headers: { location: `${other.url}steal` } }))
      for (const method of ['GET', 'POST', 'HEAD']) {
        const body = method === 'POST' ? { body: 'secret' } : {}
        expect(await code(createFetch({ baseUrl: mine.url, auth: key() })(mine.url, { method, ...body }))).toBe(
          'redirect_refused',
        )
      }
      expect(other.seen).toHaveLength(0)
    },
  )

  it("2 with crossOrigin: 'strip' only harmless headers arrive, no credentials and no content", async () => {
    const other = await api()
    const mine = await api(() => ({ status: 302, headers: { location: other.url } }))
    const fetch = createFetch({
      baseUrl: mine.url,
      auth: [key(), basic({ username: 'u', password: 'p' })],
      crossOrigin: 'strip',
    })
    const headers = { 'x-api-key': 'by hand', accept: 'text/plain', cookie: 'a=b', 'user-agent': 'me' }
    expect((await fetch(mine.url, { headers })).status).toBe(200)
    expect((await fetch(mine.url, { method: 'POST', body: 'secret', headers })).status).toBe(200)
    for (const { headers: arrived, method, body } of other.seen) {
      expect(method).toBe('GET')
      expect(body.length).toBe(0)
      expect(arrived).toMatchObject({ accept: 'text/plain', 'user-agent': 'me' })
      for (const name of ['x-key', 'authorization', 'x-api-key', 'cookie', 'content-type'])
        expect(arrived).not.toHaveProperty(name)
    }
    expect(other.seen).toHaveLength(2)
  })

  it("2 content is never sent on to another origin, not even with 'strip'", async () => {
    const other = await api()
    const mine = await api(() => ({ status: 307, headers: { location: other.url } }))
    const fetch = createFetch({ baseUrl: mine.url, auth: key(), crossOrigin: 'strip' })
    expect(await code(fetch(mine.url, { method: 'POST', body: 'secret' }))).toBe('redirect_refused')
    expect(other.seen).toHaveLength(0)
  })

  it('2 after a stripped hop, a hop back gets no credentials either', async () => {
    const mine = await api((request) => (request.url === '/back' ? {} : { status: 302, headers: { location: there } }))
    const other = await api(() => ({ status: 302, headers: { location: `${mine.url}back` } }))
    const there = other.url
    await createFetch({ baseUrl: mine.url, auth: key(), crossOrigin: 'strip' })(mine.url)
    expect(mine.seen[1]?.headers).not.toHaveProperty('x-key')
  })

  it('https to http is refused, with and without credentials', async () => {
    const transport = async () => new Response(null, { status: 302, headers: { location: 'http://api.example.com/' } })
    for (const auth of [key(), false] as const)
      expect(
        await code(
          createFetch({ baseUrl: 'https://api.example.com', auth, crossOrigin: 'strip', fetch: transport })(
            'https://api.example.com',
          ),
        ),
      ).toBe('redirect_refused')
  })

  it('3 a hop on the same origin is authenticated anew, and changes the method as fetch does', async () => {
    let count = 0
    const counting = {
      places: ['header:x-count'],
      authenticate: (request: Request) => request.headers.set('x-count', `${++count} ${new URL(request.url).pathname}`),
    }
    const { url, seen } = await api((request) => {
      const status = Number(request.url.slice(1))
      return status ? { status, headers: { location: '/end' } } : {}
    })
    const fetch = createFetch({ baseUrl: url, auth: counting })
    for (const [status, method, expected] of [
      [301, 'POST', 'GET'],
      [302, 'POST', 'GET'],
      [303, 'PUT', 'GET'],
      [307, 'POST', 'POST'],
      [308, 'PUT', 'PUT'],
      [301, 'PUT', 'PUT'],
      [303, 'HEAD', 'HEAD'],
      [302, 'GET', 'GET'],
    ] as const) {
      seen.length = 0
      count = 0
      const content =
        method === 'POST' || method === 'PUT' ? { body: 'content', headers: { 'content-type': 'text/x' } } : {}
      const response = await fetch(`${url}${status}`, { method, ...content })
      expect(response.status).toBe(200)
      expect(seen.map(({ headers }) => headers['x-count'])).toEqual([`1 /${status}`, '2 /end'])
      expect(seen[1]?.method).toBe(expected)
      expect(seen[1]?.body.toString()).toBe(expected === method && 'body' in content ? 'content' : '')
      expect('content-type' in (seen[1]?.headers ?? {})).toBe(expected === method && 'body' in content)
    }
  })

  it("redirect: 'manual' hands up the 3xx, 'error' refuses it, a loop ends", async () => {
    const { url, seen } = await api(() => ({ status: 302, headers: { location: '/again' } }))
    const fetch = createFetch({ baseUrl: url, auth: key() })
    expect((await fetch(url, { redirect: 'manual' })).status).toBe(302)
    expect(await code(fetch(url, { redirect: 'error' }))).toBe('redirect_refused')
    seen.length = 0
    expect(await code(fetch(url))).toBe('too_many_redirects')
    expect(seen).toHaveLength(21)
    const client = createClient({ baseUrl: url, auth: key(), redirect: 'manual', throwHttpErrors: false })
    expect((await client.get('')).status).toBe(302)
  })

  it('an odd Location is refused: no URL, another scheme, user information', async () => {
    for (const location of ['http://', 'javascript:alert(1)', 'ftp://127.0.0.1/', 'http://user:pass@127.0.0.1/']) {
      const { url } = await api(() => ({ status: 302, headers: { location } }))
      expect(await code(createFetch({ baseUrl: url, auth: key() })(url))).toBe('redirect_refused')
    }
  })

  it('a redirect that the browser hides is refused with a hint, or followed natively where nothing can leak', async () => {
    const modes: string[] = []
    const transport = async (request: Request) => {
      modes.push(request.redirect)
      if (request.redirect === 'follow') return new Response('followed')
      const opaque = Response.error()
      return Object.defineProperty(opaque, 'type', { value: 'opaqueredirect' })
    }
    const url = 'https://api.example.com/'
    const options = { baseUrl: url, fetch: transport as never }
    expect(await code(createFetch({ ...options, auth: key() })(url))).toBe('redirect_refused')
    expect(await code(createFetch({ ...options, auth: key() })(url, { redirect: 'follow' }))).toBe('redirect_refused')
    const inAuthorization = basic({ username: 'u', password: new Secret('p') })
    expect(await code(createFetch({ ...options, auth: inAuthorization })(url))).toBe('redirect_refused')
    expect(
      await code(createFetch({ ...options, auth: inAuthorization })(url, { method: 'POST', redirect: 'follow' })),
    ).toBe('redirect_refused')
    expect(modes).toEqual(['manual', 'manual', 'manual', 'manual'])
    expect(await (await createFetch({ ...options, auth: inAuthorization })(url, { redirect: 'follow' })).text()).toBe(
      'followed',
    )
    expect(await (await createFetch(options)(url)).text()).toBe('followed')
  })
})
