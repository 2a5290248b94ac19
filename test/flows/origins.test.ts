import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { apiKey, createClient, LatchkeyError } from '../../src/index.ts'
import { type Arrived, serve } from '../servers/raw.ts'

const KEY = 'key-of-the-first-origin'

interface Place {
  readonly origin: string
  readonly arrived: Arrived[]
}

async function place(): Promise<Place> {
  const arrived: Arrived[] = []
  return {
    origin: await serve((request) => {
      arrived.push(request)
      return { body: '{}' }
    }),
    arrived,
  }
}

const auth = apiKey({ name: 'X-API-Key', value: KEY })
const refused = { name: 'CredentialError', code: 'origin_not_allowed' }
const settled = (call: () => PromiseLike<unknown>) => Promise.resolve().then(call)

describe('T20 1 credentials are bound to their origin', () => {
  const inputs: [string, (other: string) => string | URL | Request][] = [
    ['absolute', (other) => `${other}/a`],
    ['a URL object', (other) => new URL('/a', other)],
    ['a Request', (other) => new Request(`${other}/a`)],
    ['//host', (other) => `//${new URL(other).host}/a`],
    ['\\\\host', (other) => `\\\\${new URL(other).host}/a`],
    ['/\\host', (other) => `/\\${new URL(other).host}/a`],
    ['\\/host', (other) => `\\/${new URL(other).host}/a`],
    ['a tab within //', (other) => `/\t/${new URL(other).host}/a`],
    ['spaces before', (other) => `  ${other}/a`],
    ['another spelling of the scheme', (other) => other.replace('http:', 'HTTP:')],
    ['http:\\\\', (other) => other.replace('//', '\\\\')],
    ['the host of the first as user name', (other) => other.replace('//', '//127.0.0.1@')],
    ['the first origin in the path', (other) => `${other}/http://127.0.0.1/`],
  ]
  for (const [what, input] of inputs) {
    it(`createFetch refuses ${what}`, async () => {
      const [own, other] = [await place(), await place()]
      for (const fetch of [
        createFetch({ baseUrl: own.origin, auth }),
        createClient({ baseUrl: own.origin, auth }).fetch,
      ])
        await expect(fetch(input(other.origin))).rejects.toBeInstanceOf(LatchkeyError)
      expect([own.arrived.length, other.arrived.length]).toEqual([0, 0])
    })

    it(`the client refuses ${what}`, async () => {
      const [own, other] = [await place(), await place()]
      const client = createClient({ baseUrl: `${own.origin}/v1/`, auth })
      await settled(() => client.get(input(other.origin))).catch((error) => expect(error).toBeInstanceOf(Error))
      await settled(() => client.post(input(other.origin), { json: {} })).catch(() => {})
      expect(other.arrived).toEqual([])
    })
  }

  it('a baseUrl of the call does not widen it, nor a prefix', async () => {
    const [own, other] = [await place(), await place()]
    const client = createClient({ baseUrl: own.origin, auth })
    await expect(client.get('a', { baseUrl: other.origin })).rejects.toMatchObject(refused)
    await expect(client.get('a', { prefix: other.origin })).rejects.toMatchObject(refused)
    await expect(client.extend({ prefix: other.origin }).get('a')).rejects.toMatchObject(refused)
    expect([own.arrived.length, other.arrived.length]).toEqual([0, 0])
  })

  it('nor a hook that changes the URL', async () => {
    const [own, other] = [await place(), await place()]
    const hooks = { beforeRequest: [() => new Request(`${other.origin}/a`)] }
    await expect(createClient({ baseUrl: own.origin, auth, hooks }).get('a')).rejects.toMatchObject(refused)
    expect([own.arrived.length, other.arrived.length]).toEqual([0, 0])
  })

  it('nor a strategy that changes the URL', async () => {
    const [own, other] = [await place(), await place()]
    const lost = {
      places: [],
      authenticate: (_: Request, attempt: { setUrl(url: URL): void }) => attempt.setUrl(new URL('/a', other.origin)),
    }
    await expect(createFetch({ baseUrl: own.origin, auth: [auth, lost] })('/')).rejects.toMatchObject(refused)
    expect([own.arrived.length, other.arrived.length]).toEqual([0, 0])
  })

  it('extend with a baseUrl elsewhere needs new credentials or origins', async () => {
    const [own, other] = [await place(), await place()]
    const client = createClient({ baseUrl: own.origin, auth })
    expect(() => client.extend({ baseUrl: other.origin })).toThrowError(
      expect.objectContaining({ code: 'invalid_option' }),
    )
    expect(() => client.extend({}).extend({ baseUrl: other.origin })).toThrowError(LatchkeyError)
    await client.extend({ baseUrl: `${own.origin}/v2/` }).get('a')
    await client.extend({ baseUrl: other.origin, auth: apiKey({ name: 'X-API-Key', value: 'theirs' }) }).get('a')
    await client.extend({ baseUrl: other.origin, auth: false }).get('b')
    await client.extend({ baseUrl: other.origin, origins: [other.origin] }).get('c')
    expect(own.arrived.map(({ target, headers }) => [target, headers['x-api-key']])).toEqual([['/v2/a', KEY]])
    expect(other.arrived.map(({ target, headers }) => [target, headers['x-api-key']])).toEqual([
      ['/a', 'theirs'],
      ['/b', undefined],
      ['/c', KEY],
    ])
  })

  it('credentials given on a call go where the client may send some', async () => {
    const [own, other] = [await place(), await place()]
    const client = createClient({ baseUrl: own.origin })
    await client.get('a', { auth })
    await expect(client.get(`${other.origin}/a`, { auth })).rejects.toMatchObject(refused)
    await expect(client.get('a', { auth, baseUrl: other.origin })).rejects.toMatchObject(refused)
    await client.get(`${other.origin}/a`)
    expect(own.arrived.map(({ headers }) => headers['x-api-key'])).toEqual([KEY])
    expect(other.arrived.map(({ headers }) => headers['x-api-key'])).toEqual([undefined])
    const anywhere = createClient()
    expect(() => anywhere.get(`${own.origin}/a`, { auth })).toThrowError(LatchkeyError)
    await expect(createFetch()(own.origin, { auth })).rejects.toMatchObject({ code: 'invalid_option' })
  })

  it('origins name every origin, and no path', async () => {
    const [own, other, third] = [await place(), await place(), await place()]
    const fetch = createFetch({ origins: [own.origin, `${other.origin}/only/this`], auth })
    await fetch(`${own.origin}/a`)
    await fetch(`${other.origin}/b`)
    await expect(fetch(`${third.origin}/c`)).rejects.toMatchObject(refused)
    await fetch(`${third.origin}/d`, { auth: false })
    expect(third.arrived.map(({ headers }) => headers['x-api-key'])).toEqual([undefined])
    expect([own.arrived.length, other.arrived.length]).toEqual([1, 1])
  })

  it('nothing that carries credentials leaves in clear text, except to this machine', async () => {
    const sent: string[] = []
    const transport = async (input: unknown) => {
      sent.push((input as Request).url)
      return new Response('{}')
    }
    const to = (url: string) => createFetch({ baseUrl: url, auth, fetch: transport })('/')
    const far = ['http://api.example.com', 'http://localhost.example.com', 'http://127.0.0.1.example.com', 'http://10.0.0.1', 'http://0.0.0.0', 'http://[::2]', 'http://128.0.0.1', 'http://notlocalhost'] // biome-ignore format: a list
    for (const url of far) await expect(to(url)).rejects.toMatchObject({ code: 'insecure_url' })
    expect(sent).toEqual([])
    const near = ['http://localhost', 'http://api.localhost:3000', 'http://127.8.9.1', 'http://[::1]:8080', 'http://0x7f.1'] // biome-ignore format: a list
    for (const url of near) await to(url)
    expect(sent.length).toBe(near.length)
    await createFetch({ fetch: transport })('http://api.example.com')
    expect(sent.length).toBe(near.length + 1)
  })

  it('a path that climbs stays at its origin', async () => {
    const own = await place()
    const client = createClient({ baseUrl: `${own.origin}/v1/things/`, auth })
    await client.get('../../../../etc')
    await client.fetch('../..//127.0.0.1:1/x')
    await client.get('%2e%2e/%2E%2E/y')
    expect(own.arrived.map(({ target }) => target)).toEqual(['/etc', '//127.0.0.1:1/x', '/y'])
  })
})

describe('7 what is no URL for a request is refused without quoting it', () => {
  const SECRET = 'hunter2hunter2'
  const inputs = [
    `http://ada:${SECRET}@127.0.0.1:1/`,
    `//ada:${SECRET}@127.0.0.1:1/`,
    `http://ada:${SECRET}@127.0.0.1:99999/`,
    `http://127.0.0.1:1${SECRET}/`,
    `ftp://127.0.0.1/${SECRET}`,
    `data:text/plain,${SECRET}`,
    `javascript:${SECRET}`,
    `blob:http://127.0.0.1:1/${SECRET}`,
  ]
  for (const input of inputs)
    it(JSON.stringify(input.replace(SECRET, '…')), async () => {
      const options = { baseUrl: 'http://127.0.0.1:1/', auth, retry: 0 }
      const calls = [
        () => createFetch(options)(input),
        () => createFetch({ baseUrl: 'http://127.0.0.1:1/' })(input),
        () => createClient(options).get(input),
        () => createClient({ baseUrl: 'http://127.0.0.1:1/' }).get(input),
      ]
      for (const call of calls) {
        const error = await settled(call).then(() => undefined, (thrown: unknown) => thrown) // biome-ignore format: one line
        expect(error).toBeInstanceOf(LatchkeyError)
        expect(`${error} ${(error as Error).stack} ${(error as Error).cause}`).not.toContain('hunter2')
      }
    })

  it('nor is a baseUrl, a prefix or an origin with user information', async () => {
    const url = `http://ada:${SECRET}@127.0.0.1:1/`
    for (const create of [
      () => createClient({ baseUrl: url }),
      () => createFetch({ baseUrl: url }),
      () => createFetch({ origins: [url], auth }),
      () => createClient({ baseUrl: 'http://127.0.0.1:1/' }).get('a', { baseUrl: url }),
      () => createClient({ baseUrl: 'http://127.0.0.1:1/' }).get('a', { prefix: url }),
      () => createClient({ baseUrl: 'http://127.0.0.1:1/', prefix: url }).get('a'),
    ]) {
      const error = await settled(create as () => Promise<unknown>).then(() => undefined, (thrown: unknown) => thrown) // biome-ignore format: one line
      expect(error).toMatchObject({ code: 'invalid_option' })
      expect(`${error} ${(error as Error).stack}`).not.toContain('hunter2')
    }
  })

  it('a header that cannot be sent', async () => {
    const headers = { Authorization: `Bearer ${SECRET}\nX: y` }
    for (const call of [
      () => createFetch()('http://127.0.0.1:1/', { headers }),
      () => createClient().get('http://127.0.0.1:1/', { headers }),
      () => createClient({ headers }).get('http://127.0.0.1:1/'),
    ]) {
      const error = await settled(call).then(() => undefined, (thrown: unknown) => thrown) // biome-ignore format: one line
      expect(error).toMatchObject({ code: 'invalid_option' })
      expect(`${error} ${(error as Error).stack}`).not.toContain('hunter2')
    }
  })
})
