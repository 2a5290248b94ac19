import { afterEach, describe, expect, it, vi } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { type ApiKeyOptions, apiKey, createClient, isHTTPError, Secret } from '../../src/index.ts'
import { type Arrived, serve } from '../servers/raw.ts'

const KEY = 'key-7d1f-of-ada'
const forms = {
  text: KEY,
  Secret: new Secret(KEY),
  function: () => KEY,
  'function of a Secret': () => new Secret(KEY),
  'asynchronous function': async () => KEY,
  'asynchronous function of a Secret': async () => new Secret(KEY),
}

/** Where a real API would look; 401 for everything that is not exactly the key. */
const found: Record<string, (arrived: Arrived) => string | null | undefined> = {
  header: ({ headers }) => headers['x-api-key'] as string | undefined,
  query: ({ target }) => new URL(target, 'http://localhost').searchParams.get('x-api-key'),
  cookie: ({ headers }) => /(?:^|; )x-api-key=([^;]*)/.exec(headers.cookie ?? '')?.[1],
}

function api(place: string, expected = KEY): Promise<string> {
  return serve((arrived) => ({ status: found[place]?.(arrived) === expected ? 200 : 401, body: '{"ok":true}' }))
}

afterEach(() => vi.unstubAllGlobals())

for (const place of ['header', 'query', 'cookie'] as const)
  describe(`a key in the ${place}`, () => {
    for (const [form, value] of Object.entries(forms))
      it(`is accepted by a server that checks it, given as ${form}`, async () => {
        const baseUrl = await api(place)
        const client = createClient({ baseUrl, auth: apiKey({ in: place, name: 'x-api-key', value }) })
        expect(await client.get('things').json()).toEqual({ ok: true })
      })

    it('is refused by the server when it is wrong', async () => {
      const baseUrl = await api(place)
      const client = createClient({ baseUrl, auth: apiKey({ in: place, name: 'x-api-key', value: 'another' }) })
      const error = await client.get('things').catch((thrown) => thrown)
      expect(isHTTPError(error) && error.response.status).toBe(401)
    })

    it('carries the text before the key', async () => {
      const baseUrl = await api(place, `Token:${KEY}`)
      const auth = apiKey({ in: place, name: 'x-api-key', value: KEY, prefix: 'Token:' })
      expect((await createFetch({ baseUrl, auth })('/')).status).toBe(200)
    })

    it('is read again for each request', async () => {
      const keys = [KEY, 'another', KEY]
      const baseUrl = await api(place)
      const fetch = createFetch({ baseUrl, auth: apiKey({ in: place, name: 'x-api-key', value: () => keys.shift()! }) })
      const statuses = [(await fetch('/')).status, (await fetch('/')).status, (await fetch('/')).status]
      expect(statuses).toEqual([200, 401, 200])
    })
  })

it('stands in a query after what the caller wrote, letter by letter', async () => {
  let target = ''
  const baseUrl = await serve((arrived) => {
    target = arrived.target
    return {}
  })
  const auth = apiKey({ in: 'query', name: 'the key', value: 'a&b=c d+é%' })
  const response = await createFetch({ baseUrl, auth })('/a?q=%7e+x&b&=')
  expect(target).toBe('/a?q=%7e+x&b&=&the%20key=a%26b%3Dc%20d%2B%C3%A9%25')
  expect(response.url).toBe(`${baseUrl}/a?q=%7e+x&b&=`)
})

it('stands beside the cookies of the caller', async () => {
  let cookie: string | undefined
  const baseUrl = await serve(({ headers }) => {
    cookie = headers.cookie
    return {}
  })
  const auth = apiKey({ in: 'cookie', name: 'key', value: KEY })
  await createFetch({ baseUrl, auth })('/', { headers: { cookie: 'theme=dark' } })
  expect(cookie).toBe(`theme=dark; key=${KEY}`)
})

describe('refuses at creation', () => {
  const header = { name: 'X-API-Key', value: KEY } satisfies ApiKeyOptions
  const refused: [string, unknown, string][] = [
    ['an empty key', { ...header, value: '' }, 'credential_invalid'],
    ['an empty Secret', { ...header, value: new Secret('') }, 'credential_invalid'],
    ['no key', { name: 'X-API-Key' }, 'credential_invalid'],
    ['a key that ends in a newline', { ...header, value: `${KEY}\n` }, 'credential_invalid'],
    ['a key with a line break', { ...header, value: `${KEY}\r\nX-Other: 1` }, 'credential_invalid'],
    ['a key that is not ASCII', { ...header, value: `${KEY}é` }, 'credential_invalid'],
    ['a number', { ...header, value: 12345678 }, 'credential_invalid'],
    ['a cookie that would end early', { in: 'cookie', name: 'key', value: `${KEY};x` }, 'credential_invalid'],
    [
      'a cookie with a space before it',
      { in: 'cookie', name: 'key', value: KEY, prefix: 'a; b=' },
      'credential_invalid',
    ],
    ['a line break before the key', { ...header, prefix: 'Token\n' }, 'credential_invalid'],
    ['another place', { ...header, in: 'body' }, 'invalid_option'],
    ['an inherited place', { ...header, in: 'constructor' }, 'invalid_option'],
    ['no name', { value: KEY }, 'invalid_option'],
    ['a name that is none', { ...header, name: 'X API Key' }, 'invalid_option'],
    ['a cookie name that is none', { in: 'cookie', name: 'a=b', value: KEY }, 'invalid_option'],
  ]
  for (const [what, options, code] of refused)
    it(what, () => {
      let error: (Error & { code?: string }) | undefined
      try {
        apiKey(options as ApiKeyOptions)
      } catch (thrown) {
        error = thrown as Error
      }
      expect(error?.code).toBe(code)
      expect(`${error?.message}${error?.stack}`).not.toContain(KEY)
    })

  it('a cookie in a browser, which would drop it silently', () => {
    vi.stubGlobal('document', { cookie: '' })
    expect(() => apiKey({ in: 'cookie', name: 'key', value: KEY })).toThrowError(
      expect.objectContaining({ code: 'runtime_unsupported' }),
    )
    expect(() => apiKey({ in: 'header', name: 'key', value: KEY })).not.toThrow()
    expect(() => apiKey({ name: 'Cookie', value: 'sid=1' })).toThrow(
      expect.objectContaining({ code: 'runtime_unsupported' }),
    )
  })
})

describe('refuses before anything is sent', () => {
  const bad: [string, () => unknown, string][] = [
    ['throws', () => { throw new Error(`vault says ${KEY}`) }, 'credential_unavailable'],
    ['rejects', async () => { throw new Error(`vault says ${KEY}`) }, 'credential_unavailable'],
    ['gives nothing', () => undefined, 'credential_invalid'],
    ['gives nothing later', async () => undefined, 'credential_invalid'],
    ['gives a number', () => 87654321, 'credential_invalid'],
    ['gives null', () => null, 'credential_invalid'],
    ['gives an object', () => ({ key: KEY }), 'credential_invalid'],
    ['gives an empty text', () => '', 'credential_invalid'],
    ['gives a text with a line break', () => `${KEY}\n`, 'credential_invalid'],
    ['gives a Secret with a line break later', async () => new Secret(`${KEY}\n`), 'credential_invalid'],
  ] // biome-ignore format: a list
  for (const place of ['header', 'query', 'cookie'] as const)
    for (const [what, value, code] of bad.filter(([what]) => place !== 'query' || !what.includes('line break')))
      it(`a function for a ${place} that ${what}`, async () => {
        let requests = 0
        const baseUrl = await serve(() => ({ status: 200 + requests++ }))
        const auth = apiKey({ in: place, name: 'key', value: value as () => string })
        for (const ask of [createClient({ baseUrl, auth }).get, createFetch({ baseUrl, auth })]) {
          const error = (await ask('a').catch((thrown) => thrown)) as Error & { code: string }
          expect(error?.code).toBe(code)
          expect(`${error?.message}${error?.stack}${error?.cause}`).not.toMatch(/key-7d1f|87654321/)
        }
        expect(requests).toBe(0)
      })
})
