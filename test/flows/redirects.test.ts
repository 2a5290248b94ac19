import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { type AuthStrategy, apiKey, basic, createClient, type Fetch } from '../../src/index.ts'
import { type Arrived, serve } from '../servers/raw.ts'

const KEY = 'key-that-must-not-travel'
const STATUSES = [301, 302, 303, 307, 308] as const
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
const WITH_CONTENT = ['POST', 'PUT', 'PATCH']

const everyPlace: AuthStrategy[] = [
  apiKey({ name: 'X-API-Key', value: KEY }),
  apiKey({ in: 'cookie', name: 'k', value: KEY }),
  apiKey({ in: 'query', name: 'api_key', value: KEY }),
  basic({ username: 'ada', password: KEY }),
]
// All that the caller may have set himself, as a key of another name.
const headers = {
  'X-Auth-Token': KEY,
  DPoP: KEY,
  Accept: 'application/json',
  Range: 'bytes=0-9',
  'User-Agent': 'test/1',
  'X-Other': 'o',
}

/** A server that leads to `location`, and notes what arrived. */
async function leading(status: number, location: (arrived: Arrived) => string | undefined) {
  const arrived: Arrived[] = []
  const origin = await serve((request) => {
    arrived.push(request)
    const to = location(request)
    return to === undefined ? { body: 'final' } : { status, headers: { location: to } }
  })
  return { origin, arrived }
}

for (const status of STATUSES)
  describe(`2 no secret follows a ${status}`, () => {
    for (const method of METHODS) {
      const init = { method, headers, ...(WITH_CONTENT.includes(method) && { body: KEY }) }

      it(`${method}: another origin is refused and gets no request`, async () => {
        const second = await leading(status, () => undefined)
        const first = await leading(status, () => `${second.origin}/b`)
        const options = { baseUrl: first.origin, auth: everyPlace }
        const refused = { name: 'LatchkeyError', code: 'redirect_refused' }
        await expect(createFetch(options)('/a', init)).rejects.toMatchObject(refused)
        await expect(createClient(options)('a', init)).rejects.toMatchObject(refused)
        await expect(createClient(options).fetch('/a', init)).rejects.toMatchObject(refused)
        await expect(createFetch(options)('/a', { ...init, redirect: 'follow' })).rejects.toMatchObject(refused)
        expect([first.arrived.length, second.arrived.length]).toEqual([4, 0])
      })

      it(`${method}: crossOrigin 'strip' brings an allow-list only`, async () => {
        const second = await leading(status, () => undefined)
        const first = await leading(status, ({ target }) => `${second.origin}${target}`)
        const fetch = createFetch({ baseUrl: first.origin, auth: everyPlace, crossOrigin: 'strip' })
        const toGet = status === 303 || (status < 303 && method === 'POST')
        const answer = await fetch('/a?q=1', init).catch((error) => error)
        if (init.body && !toGet) {
          expect(answer).toMatchObject({ code: 'redirect_refused' })
          return expect(second.arrived).toEqual([])
        }
        expect(second.arrived.length).toBe(1)
        const [hop] = second.arrived as [Arrived]
        expect(JSON.stringify(hop)).not.toContain(KEY)
        expect(hop.target).toBe('/a?q=1')
        expect(hop.method).toBe(toGet && method !== 'HEAD' ? 'GET' : method)
        expect(hop.body.length).toBe(0)
        const byTheRuntime = ['host', 'connection', 'accept-language', 'sec-fetch-mode', 'accept-encoding', 'content-length'] // biome-ignore format: one line
        expect(Object.keys(hop.headers).filter((name) => !byTheRuntime.includes(name)).sort()).toEqual(['accept', 'range', 'user-agent']) // biome-ignore format: one line
        expect(hop.headers).toMatchObject({ accept: 'application/json', range: 'bytes=0-9', 'user-agent': 'test/1' })
        // What the server wrote back into its Location was ours too.
        expect(answer.url).not.toContain(KEY)
      })

      it(`3 ${method}: a hop within the origin is authenticated anew`, async () => {
        const one = await leading(status, ({ target }) =>
          target.startsWith('/a') ? `/b${target.slice(2)}` : undefined,
        )
        const response = await createFetch({ baseUrl: one.origin, auth: everyPlace })('/a?q=1', init)
        expect(response.status).toBe(200)
        expect(response.url).toBe(`${one.origin}/b?q=1`)
        const [first, second] = one.arrived as [Arrived, Arrived]
        expect(second.target).toBe(`/b?q=1&api_key=${KEY}`)
        for (const name of ['x-api-key', 'cookie', 'authorization', 'x-auth-token'])
          expect(second.headers[name]).toBe(first.headers[name])
        const toGet = status === 303 ? method !== 'HEAD' : status < 303 && method === 'POST'
        expect(second.method).toBe(toGet ? 'GET' : method)
        expect(second.body.toString()).toBe(init.body && !toGet ? KEY : '')
        expect(second.headers['content-type']).toBe(init.body && !toGet ? first.headers['content-type'] : undefined)
      })
    }
  })

describe('T19 2 redirects', () => {
  it('from https to http are refused, whatever the origin and however asked', async () => {
    const sent: string[] = []
    const transport: Fetch = async (input) => {
      const { url } = input as Request
      sent.push(url)
      return new Response(null, { status: 302, headers: { location: url.replace('https:', 'http:') } })
    }
    for (const crossOrigin of ['error', 'strip'] as const)
      for (const auth of [everyPlace, false] as const)
        for (const origin of ['https://api.example.com', 'https://localhost']) {
          const fetch = createFetch({ baseUrl: origin, auth, crossOrigin, fetch: transport })
          await expect(fetch('/')).rejects.toMatchObject({ code: 'redirect_refused' })
        }
    expect(sent.length).toBe(8)
    expect(sent.filter((url) => url.startsWith('http:'))).toEqual([])
  })

  it('to another port, host name, scheme, or with user information are another origin', async () => {
    const second = await leading(302, () => undefined)
    const { port } = new URL(second.origin)
    const elsewhere = [second.origin, `//127.0.0.1:${port}`, `http://localhost:${port}`, `\\\\127.0.0.1:${port}`, `/\\127.0.0.1:${port}`, `/\t/127.0.0.1:${port}`, `http:\\\\127.0.0.1:${port}`, 'ftp://127.0.0.1/', 'data:text/plain,x', 'https://127.0.0.1/', 'http://', 'javascript:0'] // biome-ignore format: a list
    for (const to of elsewhere) {
      const first = await leading(302, () => to)
      const userInfo = await leading(302, () => `${userInfo.origin.replace('//', '//ada:pw@')}/b`)
      for (const { origin } of [first, userInfo])
        await expect(createFetch({ baseUrl: origin, auth: everyPlace })('/a')).rejects.toMatchObject({
          code: 'redirect_refused',
        })
    }
    expect(second.arrived).toEqual([])
  })

  it('to what is no http, or holds half of a user information, are refused also where others are followed', async () => {
    const second = await leading(302, () => undefined)
    for (const to of ['ftp://127.0.0.1/', 'data:text/plain,x', 'javascript:0', 'ada@', ':pw@']) {
      const first = await leading(302, () => (to.endsWith('@') ? second.origin.replace('//', `//${to}`) : to))
      const fetch = createFetch({ baseUrl: first.origin, auth: everyPlace, crossOrigin: 'strip', retry: 0 })
      await expect(fetch('/a')).rejects.toMatchObject({ code: 'redirect_refused' })
    }
    expect(second.arrived).toEqual([])
  })

  it('back from a stripped hop bring nothing back', async () => {
    const first = await leading(302, ({ target }) => (target.startsWith('/a') ? `${second.origin}/b` : undefined))
    const second = await leading(302, () => `${first.origin}/c`)
    const fetch = createFetch({ baseUrl: first.origin, auth: everyPlace, crossOrigin: 'strip' })
    expect((await fetch('/a', { headers })).status).toBe(200)
    const [, back] = first.arrived as [Arrived, Arrived]
    expect(back.target).toBe('/c')
    expect(JSON.stringify([back, second.arrived])).not.toContain(KEY)
  })

  it("'manual' hands the answer to the caller", async () => {
    const second = await leading(302, () => undefined)
    const first = await leading(302, () => `${second.origin}/b`)
    for (const fetch of [createFetch({ baseUrl: first.origin, auth: everyPlace }), createFetch()]) {
      const response = await fetch(`${first.origin}/a`, { redirect: 'manual' })
      expect([response.status, response.headers.get('location')]).toEqual([302, `${second.origin}/b`])
    }
    const client = createClient({ baseUrl: first.origin, auth: everyPlace, redirect: 'manual', throwHttpErrors: false })
    expect((await client.get('a')).status).toBe(302)
    expect((await client.extend({}).get('a')).status).toBe(302)
    expect(second.arrived).toEqual([])
  })

  it("'error' refuses also within the origin", async () => {
    const one = await leading(302, ({ target }) => (target.startsWith('/a') ? '/b' : undefined))
    const refused = { code: 'redirect_refused' }
    await expect(createFetch()(`${one.origin}/a`, { redirect: 'error' })).rejects.toMatchObject(refused)
    await expect(createFetch()(new Request(`${one.origin}/a`, { redirect: 'error' }))).rejects.toMatchObject(refused)
    await expect(createClient().get(`${one.origin}/a`, { redirect: 'error' })).rejects.toMatchObject(refused)
    expect(one.arrived.length).toBe(3)
  })

  it('that loop end after 20', async () => {
    const one = await leading(307, ({ target }) => `/a?${Number(target.split('?')[1] ?? 0) + 1}`)
    const fetch = createFetch({ baseUrl: one.origin, auth: everyPlace[0]! })
    await expect(fetch('/a')).rejects.toMatchObject({ code: 'too_many_redirects' })
    expect(one.arrived.length).toBe(21)
  })

  it('without a Location are an answer', async () => {
    const origin = await serve(() => ({ status: 302, body: 'nowhere' }))
    const response = await createFetch({ baseUrl: origin, auth: everyPlace })('/a')
    expect([response.status, await response.text()]).toEqual([302, 'nowhere'])
  })

  it('with a stream that was sent are an answer', async () => {
    const one = await leading(307, ({ target }) => (target.startsWith('/a') ? '/b' : undefined))
    const response = await createFetch()(`${one.origin}/a`, { method: 'POST', body: new Blob(['x']).stream() })
    expect([response.status, one.arrived.length]).toEqual([307, 1])
    const again = await createFetch()(`${one.origin}/a`, { method: 'POST', body: () => new Blob(['x']).stream() })
    expect([again.status, one.arrived.length, one.arrived[2]?.body.toString()]).toEqual([200, 3, 'x'])
  })

  it('without credentials follow across origins, and leave headers behind', async () => {
    const second = await leading(302, () => undefined)
    const first = await leading(302, () => `${second.origin}/b`)
    const response = await createFetch()(`${first.origin}/a`, { headers: { ...headers, Authorization: KEY } })
    expect([response.status, response.url]).toEqual([200, `${second.origin}/b`])
    expect(JSON.stringify(second.arrived)).not.toContain(KEY)
    const strict = createFetch({ crossOrigin: 'error' })
    await expect(strict(`${first.origin}/a`)).rejects.toMatchObject({ code: 'redirect_refused' })
  })
})

describe('2 a browser hides where a redirect leads', () => {
  /** As Chromium answers: opaque under 'manual', and the final answer under 'follow'. */
  function browser() {
    const sent: Request[] = []
    const transport: Fetch = async (input) => {
      const request = input as Request
      sent.push(request)
      if (request.redirect === 'follow') return new Response('final')
      const opaque = new Response(null)
      return Object.defineProperties(opaque, { type: { value: 'opaqueredirect' }, status: { value: 0 } })
    }
    return { sent, transport }
  }
  const baseUrl = 'https://api.example.com'
  const authorization = basic({ username: 'a', password: KEY })

  const refused: [string, object, RequestInit][] = [
    ['a key in another header', { auth: everyPlace[0] }, { redirect: 'follow' }],
    ['a cookie', { auth: everyPlace[1] }, { redirect: 'follow' }],
    ['a key in the query', { auth: everyPlace[2] }, { redirect: 'follow' }],
    ['Authorization beside another', { auth: [authorization, everyPlace[0]] }, { redirect: 'follow' }],
    ['Authorization, unasked', { auth: authorization }, {}],
    ['POST', { auth: authorization }, { redirect: 'follow', method: 'POST', body: 'x' }],
    ['DELETE', { auth: authorization }, { redirect: 'follow', method: 'DELETE' }],
    ['POST without credentials', {}, { method: 'POST', body: 'x' }],
    ["redirect: 'error'", {}, { redirect: 'error' }],
    ["crossOrigin: 'error', which nobody can check there", { crossOrigin: 'error' }, {}],
    ["crossOrigin: 'strip', which nobody can do there", { auth: authorization, crossOrigin: 'strip' }, {}],
  ]
  for (const [what, options, init] of refused)
    it(`refused: ${what}`, async () => {
      const { sent, transport } = browser()
      const fetch = createFetch({ baseUrl, ...options, fetch: transport })
      await expect(fetch('/a', init)).rejects.toMatchObject({ code: 'redirect_refused' })
      expect(sent.map(({ redirect }) => redirect)).toEqual(['manual'])
    })

  for (const [what, options, init] of [
    ['only Authorization, asked to follow', { auth: authorization }, { redirect: 'follow' }],
    ['nothing placed', {}, {}],
    ['HEAD', { auth: authorization }, { redirect: 'follow', method: 'HEAD' }],
  ] as [string, object, RequestInit][])
    it(`followed by the browser itself: ${what}`, async () => {
      const { sent, transport } = browser()
      const response = await createFetch({ baseUrl, ...options, fetch: transport })('/a', init)
      expect(await response.text()).toBe('final')
      expect(sent.map(({ redirect }) => redirect)).toEqual(['manual', 'follow'])
    })

  it("'manual' hands the opaque answer up, whatever looks into it", async () => {
    const { sent, transport } = browser()
    const fetch = createFetch({ baseUrl, auth: everyPlace, fetch: transport, retry: { shouldRetry: () => undefined } })
    const response = await fetch('/a', { redirect: 'manual' })
    expect([response.type, response.status, sent.length]).toEqual(['opaqueredirect', 0, 1])
  })
})
