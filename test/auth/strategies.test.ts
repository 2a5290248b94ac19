import { afterEach, describe, expect, it, vi } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { hmac } from '../../src/hmac/hmac.ts'
import { type AuthStrategy, apiKey, basic, bearer, cookieSession, createClient, Secret } from '../../src/index.ts'
import { api } from '../servers/api.ts'

const sent = async (auth: AuthStrategy | AuthStrategy[], init?: RequestInit, path = '') => {
  const { url, seen } = await api()
  await createFetch({ baseUrl: url, auth })(url + path, init)
  return seen[0] as NonNullable<(typeof seen)[0]>
}
const refusal = (make: () => unknown): string => {
  try {
    make()
    return 'none'
  } catch (error) {
    return (error as { code: string }).code
  }
}
afterEach(() => vi.unstubAllGlobals())

describe('apiKey', () => {
  it('goes into a header by default, with a prefix where the API wants one', async () => {
    expect((await sent(apiKey({ name: 'X-API-Key', value: 'k' }))).headers['x-api-key']).toBe('k')
    expect((await sent(apiKey({ name: 'Authorization', prefix: 'Token ', value: 'k' }))).headers.authorization).toBe(
      'Token k',
    )
  })

  it('goes into the query, after what is there, without writing the rest anew', async () => {
    const seen = await sent(apiKey({ in: 'query', name: 'api key', value: 'a&b=c ü' }), {}, 'x?q=a%20b+c&flag&x=%7e')
    expect(seen.url).toBe('/x?q=a%20b+c&flag&x=%7e&api%20key=a%26b%3Dc%20%C3%BC')
  })

  it('goes into a cookie beside those of the caller', async () => {
    const seen = await sent(apiKey({ in: 'cookie', name: 'sid', value: 'abc' }), { headers: { cookie: 'theme=dark' } })
    expect(seen.headers.cookie).toBe('theme=dark; sid=abc')
  })

  it.each(['text', 'secret', 'function', 'async function', 'function giving a secret'])(
    'takes its value as %s',
    async (kind) => {
      const value = {
        text: 'v',
        secret: new Secret('v'),
        function: () => 'v',
        'async function': async () => 'v',
        'function giving a secret': async () => new Secret('v'),
      }[kind] as string
      expect((await sent(apiKey({ name: 'x-k', value }))).headers['x-k']).toBe('v')
      expect((await sent(apiKey({ in: 'query', name: 'k', value }))).url).toBe('/?k=v')
    },
  )

  it('asks a function for each attempt', async () => {
    const { url, seen } = await api((_, index) => ({ status: index ? 200 : 503 }))
    let count = 0
    await createFetch({
      baseUrl: url,
      retry: { delay: () => 1 },
      auth: apiKey({ name: 'x-k', value: () => `v${++count}` }),
    })(url)
    expect(seen.map(({ headers }) => headers['x-k'])).toEqual(['v1', 'v2'])
  })

  it('7 is refused at creation where it cannot work', () => {
    expect(refusal(() => apiKey({ name: 'x', value: '' }))).toBe('credential_invalid')
    expect(refusal(() => apiKey({ name: 'x', value: undefined as never }))).toBe('credential_invalid')
    expect(refusal(() => apiKey({ name: 'x', value: 'line\n' }))).toBe('credential_invalid')
    expect(refusal(() => apiKey({ name: 'x', value: 'schlüssel' }))).toBe('credential_invalid')
    expect(refusal(() => apiKey({ in: 'cookie', name: 'x', value: 'a;b' }))).toBe('credential_invalid')
    expect(refusal(() => apiKey({ name: 'x y', value: 'k' }))).toBe('invalid_option')
    expect(refusal(() => apiKey({ name: '', value: 'k' }))).toBe('invalid_option')
    expect(refusal(() => apiKey({ in: 'body' as never, name: 'x', value: 'k' }))).toBe('invalid_option')
    vi.stubGlobal('document', {})
    expect(refusal(() => apiKey({ in: 'cookie', name: 'x', value: 'k' }))).toBe('runtime_unsupported')
  })

  it('7 is refused before anything is sent when a function gives nothing fit, or fails', async () => {
    const { url, seen } = await api()
    for (const [value, code] of [
      [() => '', 'credential_invalid'],
      [() => undefined as never, 'credential_invalid'],
      [() => 'a\r\nb', 'credential_invalid'],
      [
        () => {
          throw new Error('secret-inside')
        },
        'credential_unavailable',
      ],
      [() => Promise.reject(new Error('secret-inside')), 'credential_unavailable'],
    ] as const) {
      const error = await createFetch({ baseUrl: url, auth: apiKey({ name: 'x', value }) })(url).catch(
        (reason) => reason,
      )
      expect(error.code).toBe(code)
      expect(String(error.stack)).not.toContain('secret-inside')
    }
    expect(seen).toHaveLength(0)
  })
})

describe('basic', () => {
  it('is the scheme of RFC 7617, also beyond ASCII', async () => {
    expect((await sent(basic({ username: 'Aladdin', password: 'open sesame' }))).headers.authorization).toBe(
      'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
    )
    expect((await sent(basic({ username: 'test', password: '123£' }))).headers.authorization).toBe(
      'Basic dGVzdDoxMjPCow==',
    )
    expect((await sent(basic({ username: 'key', password: '' }))).headers.authorization).toBe(`Basic ${btoa('key:')}`)
    expect(
      (await sent(basic({ username: () => 'u', password: async () => new Secret('p') }))).headers.authorization,
    ).toBe(`Basic ${btoa('u:p')}`)
  })

  it('7 refuses a colon in the name, control characters, and an empty name', () => {
    expect(refusal(() => basic({ username: 'a:b', password: 'x' }))).toBe('credential_invalid')
    expect(refusal(() => basic({ username: 'a', password: 'x\n' }))).toBe('credential_invalid')
    expect(refusal(() => basic({ username: '', password: 'x' }))).toBe('credential_invalid')
  })
})

describe('bearer', () => {
  it('takes a text, a secret or a function', async () => {
    for (const token of ['t', new Secret('t'), () => 't', async () => new Secret('t')])
      expect((await sent(bearer(token))).headers.authorization).toBe('Bearer t')
    expect(refusal(() => bearer('a\nb'))).toBe('credential_invalid')
  })

  it('asks a token source for another token once when the server refuses it, and names the refused one', async () => {
    const { url, seen } = await api((request) =>
      request.headers.authorization === 'Bearer two'
        ? {}
        : { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } },
    )
    const refused: string[] = []
    let current = 'one'
    const source = {
      token: async () => ({ value: new Secret(current), type: 'bearer' }),
      renew: async (rejected: { value: Secret<string> }) => {
        refused.push(rejected.value.use((text) => text))
        current = 'two'
        return true
      },
    }
    expect((await createFetch({ baseUrl: url, auth: bearer(source) })(url)).status).toBe(200)
    expect(refused).toEqual(['one'])
    expect(seen).toHaveLength(2)
  })

  it('B15 a second 401 is handed up and renews nothing; a 403 and a challenge for something else neither', async () => {
    let renewals = 0
    const source = {
      token: async () => ({ value: new Secret('t'), type: 'Bearer' }),
      renew: async () => Boolean(++renewals),
    }
    const challenges: [number, string | undefined, number, number][] = [
      [401, 'Bearer error="invalid_token"', 2, 1],
      [401, undefined, 2, 1],
      [401, 'Bearer realm="x"', 2, 1],
      [401, 'Bearer error="insufficient_user_authentication"', 1, 0],
      [401, 'Basic realm="x"', 1, 0],
      [403, 'Bearer error="invalid_token"', 1, 0],
    ]
    for (const [status, challenge, requests, expected] of challenges) {
      renewals = 0
      const { url, seen } = await api(() => ({ status, headers: challenge ? { 'www-authenticate': challenge } : {} }))
      expect((await createFetch({ baseUrl: url, auth: bearer(source) })(url)).status).toBe(status)
      expect([seen.length, renewals]).toEqual([requests, expected])
    }
  })

  it('B16 a stream cannot be replayed: the token is renewed, the 401 handed up', async () => {
    let renewals = 0
    const source = {
      token: async () => ({ value: new Secret('t'), type: 'Bearer' }),
      renew: async () => Boolean(++renewals),
    }
    const { url, seen } = await api(() => ({ status: 401 }))
    const response = await createFetch({ baseUrl: url, auth: bearer(source) })(url, {
      method: 'POST',
      body: new Blob(['x']).stream(),
    })
    expect([response.status, renewals, seen.length]).toEqual([401, 1, 1])
  })
})

describe('cookieSession', () => {
  it('makes the Request with the credentials mode, and proves unsafe methods by a header', async () => {
    const made: Request[] = []
    const transport = async (request: Request) => {
      made.push(request)
      return new Response('ok')
    }
    vi.stubGlobal('document', { cookie: 'a=1; XSRF-TOKEN=to%20ken; b=2' })
    const auth = cookieSession({ credentials: 'include', csrf: { header: 'X-XSRF-Token', from: 'XSRF-TOKEN' } })
    const fetch = createFetch({ baseUrl: 'https://app.example.com', auth, fetch: transport as never })
    await fetch('https://app.example.com/', { method: 'POST' })
    await fetch('https://app.example.com/')
    expect(made.map(({ credentials }) => credentials)).toEqual(['include', 'include'])
    expect(made.map(({ headers }) => headers.get('x-xsrf-token'))).toEqual(['to ken', null])
  })

  it('says so when the cookie is not there, before anything is sent', async () => {
    const { url, seen } = await api()
    const fetch = createFetch({ baseUrl: url, auth: cookieSession({ csrf: { from: 'missing' } }) })
    await expect(fetch(url, { method: 'POST' })).rejects.toMatchObject({ code: 'credential_invalid' })
    expect(seen).toHaveLength(0)
    const given = createFetch({ baseUrl: url, auth: cookieSession({ csrf: { from: async () => 'token' } }) })
    await given(url, { method: 'DELETE' })
    expect(seen[0]?.headers['x-csrf-token']).toBe('token')
    expect(refusal(() => cookieSession({ credentials: 'omit' as never }))).toBe('invalid_option')
    expect(refusal(() => cookieSession({ csrf: {} as never }))).toBe('invalid_option')
  })
})

describe('several strategies', () => {
  const sign = () =>
    hmac({
      secret: 's',
      hash: 'sha256',
      encoding: 'hex',
      message: ({ target }) => target,
      place: ({ signature }) => ({ headers: { 'x-signature': signature } }),
    })

  it('all are applied to the same request, the one that signs last', async () => {
    const seen = await sent([sign(), apiKey({ in: 'query', name: 'app', value: 'a' }), bearer('t')], {}, 'x')
    expect(seen.url).toBe('/x?app=a')
    expect(seen.headers.authorization).toBe('Bearer t')
    const { createHmac } = await import('node:crypto')
    expect(seen.headers['x-signature']).toBe(createHmac('sha256', 's').update('/x?app=a').digest('hex'))
  })

  it('7 two that sign, or that write the same, are refused at creation', () => {
    const baseUrl = 'https://a.example'
    expect(refusal(() => createClient({ baseUrl, auth: [bearer('a'), basic({ username: 'u', password: 'p' })] }))).toBe(
      'credential_conflict',
    )
    expect(
      refusal(() =>
        createClient({ baseUrl, auth: [apiKey({ name: 'X-A', value: 'a' }), apiKey({ name: 'x-a', value: 'b' })] }),
      ),
    ).toBe('credential_conflict')
    const other = { ...sign(), places: ['header:x-other'] }
    expect(refusal(() => createClient({ baseUrl, auth: [sign(), other] }))).toBe('credential_conflict')
    expect(refusal(() => createClient({ baseUrl, auth: {} as never }))).toBe('invalid_option')
  })
})
