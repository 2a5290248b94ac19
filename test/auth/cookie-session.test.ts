import { afterEach, describe, expect, it, vi } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { type CookieSessionOptions, cookieSession, createClient } from '../../src/index.ts'
import { serve } from '../servers/raw.ts'

const TOKEN = 'csrf-0a1b2c3d'

/** A back end that wants the proof for everything but reading. */
function backend(header = 'x-csrf-token'): Promise<string> {
  return serve(({ method, headers }) => ({
    status: ['GET', 'HEAD'].includes(method) ? (headers[header] ? 400 : 200) : headers[header] === TOKEN ? 200 : 403,
  }))
}

afterEach(() => vi.unstubAllGlobals())

describe('the session of a back end', () => {
  const sources: Record<string, CookieSessionOptions> = {
    'a readable cookie': { csrf: { from: 'XSRF' } },
    'a function': { csrf: { from: () => TOKEN } },
    'an asynchronous function': { csrf: { from: async () => TOKEN, header: 'X-XSRF' } },
  }
  for (const [what, options] of Object.entries(sources))
    it(`is proven by ${what}, except where nothing changes`, async () => {
      vi.stubGlobal('document', { cookie: `a=b; XSRFX=no; XSRF=${TOKEN}; c=d` })
      const baseUrl = await backend(options.csrf?.header?.toLowerCase())
      const client = createClient({ baseUrl, auth: cookieSession(options), throwHttpErrors: false })
      for (const method of ['get', 'head', 'post', 'put', 'patch', 'delete'] as const)
        expect([method, (await client[method]('a')).status]).toEqual([method, 200])
    })

  it('decodes the cookie, which holds what a URL may hold', async () => {
    vi.stubGlobal('document', { cookie: 'XSRF=a%3D%2Fb' })
    let sent: unknown
    const baseUrl = await serve(({ headers }) => {
      sent = headers['x-csrf-token']
      return {}
    })
    await createFetch({ baseUrl, auth: cookieSession({ csrf: { from: 'XSRF' } }) })('/', { method: 'POST' })
    expect(sent).toBe('a=/b')
  })

  it('sends nothing when the proof is not there', async () => {
    let requests = 0
    const baseUrl = await serve(() => ({ status: 200 + requests++ }))
    for (const cookie of [undefined, '', 'XSRF=', 'other=1', 'XSRF=%zz']) {
      vi.stubGlobal('document', { cookie })
      const fetch = createFetch({ baseUrl, auth: cookieSession({ csrf: { from: 'XSRF' } }) })
      await expect(fetch('/', { method: 'POST' })).rejects.toMatchObject({ name: 'CredentialError' })
    }
    expect(requests).toBe(0)
  })

  it("makes the Request with the strategy's credentials mode, so that a browser sends the cookie", async () => {
    const modes: string[] = []
    const transport = async (input: unknown) => {
      modes.push((input as Request).credentials)
      return new Response('{}')
    }
    for (const credentials of ['include', 'same-origin'] as const) {
      const options = { baseUrl: 'https://api.example.com', auth: cookieSession({ credentials }), fetch: transport }
      await createFetch(options)('/')
      await createClient(options).post('a', { json: 1 })
      await createFetch(options)(new Request('https://api.example.com/'))
    }
    expect(modes).toEqual(['include', 'include', 'include', 'same-origin', 'same-origin', 'same-origin'])
  })

  it('lets the caller say otherwise for one request', async () => {
    let mode: string | undefined
    const fetch = createFetch({
      baseUrl: 'https://api.example.com',
      auth: cookieSession({ credentials: 'include' }),
      fetch: async (input) => {
        mode = (input as Request).credentials
        return new Response()
      },
    })
    await fetch('/', { credentials: 'omit' })
    expect(mode).toBe('omit')
  })
})

describe('refuses at creation', () => {
  const bad: [string, unknown][] = [
    ['another credentials mode', { credentials: 'omit' }],
    ['a proof from nowhere', { csrf: {} }],
    ['a header that is none', { csrf: { from: 'a', header: 'X CSRF' } }],
  ]
  for (const [what, options] of bad)
    it(what, () =>
      expect(() => cookieSession(options as CookieSessionOptions)).toThrowError(
        expect.objectContaining({ code: 'invalid_option' }),
      ),
    )
})
