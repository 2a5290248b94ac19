import { generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createClient, memoryStore } from '../../src/index.ts'
import {
  type AuthorizationCodeOptions,
  authorizationCode,
  idTokenSignature,
  signedRequest,
} from '../../src/oauth/oauth.ts'
import { claimsOf } from '../../src/oauth/record.ts'
import { api } from '../servers/api.ts'
import { answers } from '../servers/authorization.ts'
import { CALLBACK, type OpenIdProvider, openIdProvider, SECRET } from '../servers/openid.ts'
import { failure, given, textOf } from './token.ts'

afterEach(() => void vi.restoreAllMocks())

const login = (as: OpenIdProvider, options: Partial<AuthorizationCodeOptions> = {}) =>
  authorizationCode({
    issuer: as.issuer,
    clientId: 'app',
    redirectUri: CALLBACK,
    scope: 'openid orders:read',
    store: memoryStore(),
    ...options,
  })
const query = (url: string) => new URL(url).searchParams

describe('a sign-in', () => {
  it('gives tokens to requests, and back where the user was', async () => {
    const as = await openIdProvider()
    const { url, seen } = await api()
    const auth = login(as)
    const client = createClient({ baseUrl: url, auth })
    expect(await auth.signedIn()).toBe(false)
    await expect(client.get('')).rejects.toMatchObject({ code: 'interaction_required' })
    const back = await as.visit(await auth.start({ returnTo: '/orders?page=2' }))
    expect(await auth.complete(back)).toEqual({ returnTo: '/orders?page=2' })
    expect(await auth.signedIn()).toBe(true)
    expect(await auth.claims()).toMatchObject({ sub: 'alice', iss: as.issuer, aud: 'app' })
    expect(await client.get('').text()).toBe('ok')
    expect(await as.isActive((seen[0]?.headers.authorization ?? '').replace('Bearer ', ''))).toBe(true)
    expect(as.posts('/token')).toHaveLength(1)
  })

  it('always has PKCE with S256, state, and a nonce where the user is identified, all new each time', async () => {
    const as = await openIdProvider()
    const auth = login(as)
    const one = query(await auth.start())
    const two = query(await auth.start())
    expect(Object.fromEntries(one)).toMatchObject({ response_type: 'code', code_challenge_method: 'S256', scope: 'openid orders:read', redirect_uri: CALLBACK }) // biome-ignore format: one line
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(one.get(name)?.length).toBeGreaterThanOrEqual(43)
      expect(one.get(name)).not.toBe(two.get(name))
    }
    expect(query(await login(as, { scope: 'orders:read' }).start()).has('nonce')).toBe(false)
  })

  it('is renewed with its refresh token, and revoked and ended at the server when the user signs out', async () => {
    const as = await openIdProvider()
    const auth = login(as, { fetch: heard })
    const refreshTokens: string[] = []
    async function heard(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
      const response = await fetch(input, init)
      if (String(input).endsWith('/token')) refreshTokens.push((await response.clone().json()).refresh_token)
      return response
    }
    const active = () => Promise.all([...refreshTokens, textOf(second)].map(as.isActive))
    await auth.complete(await as.visit(await auth.start()))
    const first = await auth.token(given())
    expect(await auth.renew?.(first, [], given())).toBe(true)
    const second = await auth.token(given())
    expect(textOf(second)).not.toBe(textOf(first))
    expect(await active()).toEqual([false, true, true])
    const { revoked, url } = await auth.signOut({ returnTo: 'http://127.0.0.1/bye' })
    expect(revoked).toBe(true)
    expect(as.posts('/token/revocation')).toHaveLength(1)
    expect(await active()).toEqual([false, false, false])
    expect(await auth.signedIn()).toBe(false)
    expect(query(url as string).get('post_logout_redirect_uri')).toBe('http://127.0.0.1/bye')
    expect(claimsOf(query(url as string).get('id_token_hint') as string)).toMatchObject({ sub: 'alice' })
    expect(await as.visit(url as string)).toContain('form')
    await expect(auth.token(given())).rejects.toMatchObject({ code: 'interaction_required' })
  })

  it('takes what a challenge asks for as it is', async () => {
    const as = await openIdProvider()
    const auth = login(as)
    await auth.complete(await as.visit(await auth.start()))
    const { url } = await api(async ({ headers }) => {
      const token = await as.provider.AccessToken.find((headers.authorization ?? '').replace('Bearer ', ''))
      return token?.scopes.has('orders:write')
        ? {}
        : { status: 403, headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="orders:write"' } }
    })
    const stepped = login(as, {
      async onChallenge(challenge) {
        await stepped.complete(await as.visit(await stepped.start({ ...challenge, prompt: 'login', acrValues: 'gold', maxAge: 60 }))) // biome-ignore format: one line
        return true
      },
    })
    await stepped.complete(await as.visit(await stepped.start()))
    expect(await createClient({ baseUrl: url, auth: stepped }).get('').text()).toBe('ok')
    expect(await stepped.claims()).toMatchObject({ acr: 'gold' })
  })

  it('of several accounts are kept apart', async () => {
    const as = await openIdProvider()
    const auth = login(as, { store: memoryStore() })
    for (const name of ['ada', 'bob']) {
      as.account = name
      const account = auth.account(name)
      await account.complete(await as.browser()(await account.start()))
    }
    expect(await Promise.all(['ada', 'bob'].map(async (name) => (await auth.account(name).claims())?.sub))).toEqual(['ada', 'bob']) // biome-ignore format: one line
    expect(await auth.signedIn()).toBe(false)
  })
})

describe('what a server may want', () => {
  it('a pushed request (RFC 9126), where it requires one or the client is set to', async () => {
    const as = await openIdProvider()
    const auth = login(as, { clientId: 'pusher', pushed: true })
    const url = await auth.start({ loginHint: 'ada' })
    expect([...query(url).keys()]).toEqual(['client_id', 'request_uri'])
    expect(as.posts('/request')[0]?.form.get('login_hint')).toBe('ada')
    await auth.complete(await as.visit(url))
    expect(await auth.claims()).toMatchObject({ sub: 'ada' })

    const strict = await openIdProvider({
      configuration: { features: { pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true } } }, // biome-ignore format: one line
    })
    expect([...query(await login(strict).start()).keys()]).toEqual(['client_id', 'request_uri'])
  })

  it('a signed request (RFC 9101), also when pushed', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const as = await openIdProvider({
      clients: [
        {
          client_id: 'sealer',
          client_secret: SECRET,
          redirect_uris: [CALLBACK],
          application_type: 'native',
          grant_types: ['authorization_code', 'refresh_token'],
          require_signed_request_object: true,
          authorization_details_types: ['payment'],
          request_object_signing_alg: 'ES256',
          jwks: { keys: [publicKey.export({ format: 'jwk' })] },
        } as never,
      ],
    })
    for (const pushed of [false, true]) {
      const auth = login(as, {
        clientId: 'sealer',
        clientSecret: SECRET,
        pushed,
        requestObject: signedRequest({ privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string }),
        authorizationDetails: [{ type: 'payment' }],
      })
      const url = await auth.start({ maxAge: 100, claims: '{"id_token":{"acr":null}}', loginHint: 'ada' })
      expect(query(url).has('state')).toBe(false)
      await auth.complete(await as.visit(url))
      expect(await auth.claims()).toMatchObject({ sub: 'ada' })
      expect((await auth.claims())?.auth_time).toBeGreaterThan(0)
    }
  })

  it('authorization details (RFC 9396) and resource indicators (RFC 8707)', async () => {
    const as = await openIdProvider()
    const resource = ['https://one.example', 'https://two.example']
    const auth = login(as, { resource, authorizationDetails: [{ type: 'payment', amount: 5 }] })
    const url = await auth.start()
    expect(query(url).getAll('resource')).toEqual(resource)
    expect(JSON.parse(query(url).get('authorization_details') as string)).toEqual([{ type: 'payment', amount: 5 }])
    await auth.complete(await as.visit(url))
    const tokens = [await auth.token(given()), await auth.for({ resource: 'https://two.example' }).token(given())]
    const audiences = await Promise.all(tokens.map(async (token) => (await as.provider.AccessToken.find(textOf(token)))?.aud)) // biome-ignore format: one line
    expect(audiences).toEqual(resource)
  })

  it('B19 DPoP from the first request on, with nonces', async () => {
    const as = await openIdProvider()
    as.wantsNonce = true
    const auth = login(as, { dpop: true, clientId: 'pusher', pushed: true })
    const url = await auth.start()
    await auth.complete(await as.visit(url))
    const token = await auth.token(given())
    expect(token.type).toBe('DPoP')
    const jkt = as.posts('/request').at(-1)?.form.get('dpop_jkt')
    expect((await as.provider.AccessToken.find(textOf(token)))?.jkt).toBe(jkt)
    expect(await auth.renew?.(token, [], given())).toBe(true)
  })

  it('a client secret, and the signature of the ID token checked', async () => {
    const as = await openIdProvider()
    const auth = login(as, { clientId: 'web', clientSecret: SECRET, verifyIdToken: idTokenSignature() })
    await auth.complete(await as.visit(await auth.start()))
    expect(await auth.claims()).toMatchObject({ sub: 'alice' })
  })
})

/** A sign-in whose token response is changed on its way. */
async function forged(change: (body: Record<string, string>) => void, options: Partial<AuthorizationCodeOptions> = {}) {
  const as = await openIdProvider()
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const response = await globalThis.fetch(input, init)
    if (!String(input).endsWith('/token')) return response
    const body = await response.json()
    change(body)
    return Response.json(body)
  }
  const auth = login(as, { fetch: fetch as never, ...options })
  const error = await failure(auth.complete(await as.visit(await auth.start())))
  expect(await auth.signedIn()).toBe(false)
  return error
}
const changed = (claims: object) => (body: Record<string, string>) => {
  const [header, payload = '', signature] = (body.id_token as string).split('.')
  const told = JSON.parse(Buffer.from(payload, 'base64url').toString())
  body.id_token = [header, Buffer.from(JSON.stringify({ ...told, ...claims })).toString('base64url'), signature].join(
    '.',
  )
}

describe('an ID token that is not right signs nobody in', () => {
  it.each([
    ['of another issuer', { iss: 'https://evil.example' }],
    ['for another client', { aud: 'other' }],
    ['for several, without `azp`', { aud: ['app', 'other'] }],
    ['in answer to another request', { nonce: 'other' }],
    ['that has ended', { exp: 1 }],
    ['that is not good yet', { nbf: 9_999_999_999 }],
    ['without a time', { iat: undefined }],
    ['for another party', { azp: 'other' }],
    ['for nobody', { aud: [] }],
    ['whose nonce is missing', { nonce: undefined }],
    ['without a subject', { sub: undefined }],
  ])('%s', async (_, claims) => {
    const error = await forged(changed(claims))
    expect(error).toMatchObject({ code: 'issuer_invalid' })
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('alice')
  })

  it('that nobody signed', async () => {
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    const error = await forged((body) => {
      body.id_token = `${none}.${body.id_token?.split('.')[1]}.`
    })
    expect(error.message).toContain('(alg)')
    expect(await forged((body) => void Object.assign(body, { id_token: 'x' }))).toMatchObject({
      code: 'issuer_invalid',
    })
  })

  it('that nobody signed, though the server says it may be so', async () => {
    const as = await openIdProvider()
    const { issuer: _, ...known } = await (await fetch(`${as.issuer}/.well-known/openid-configuration`)).json()
    const auth = login(as, {
      metadata: { ...known, id_token_signing_alg_values_supported: ['none'] },
      fetch: async (input, init) => {
        const body = await (await fetch(input, init)).json()
        const [, payload] = body.id_token.split('.')
        return Response.json({ ...body, id_token: `${btoa('{"alg":"none"}').replaceAll('=', '')}.${payload}.` })
      },
    })
    expect((await failure(auth.complete(await as.visit(await auth.start())))).message).toContain('(alg)')
  })

  it('that is not there', async () => {
    expect(await forged((body) => void delete body.id_token)).toMatchObject({ code: 'issuer_invalid' })
  })

  it('that somebody else signed, where signatures are checked', async () => {
    expect(await forged(changed({ name: 'Mallory' }), { verifyIdToken: idTokenSignature() })).toMatchObject({
      code: 'issuer_invalid',
    })
  })

  it('whose sign-in is older than asked', async () => {
    const as = await openIdProvider()
    const fetch = async (input: string, init: RequestInit) => {
      const response = await globalThis.fetch(input, init)
      if (!input.endsWith('/token')) return response
      const body = await response.json()
      changed({ auth_time: 1000 })(body)
      return Response.json(body)
    }
    const auth = login(as, { fetch: fetch as never })
    const url = await auth.start({ maxAge: 60, prompt: 'login' })
    expect(await failure(auth.complete(await as.visit(url)))).toMatchObject({ code: 'issuer_invalid' })
  })
})

describe('the place where the session of the server ends', () => {
  /** A sign-out from a server that says it is there. */
  async function signedOut(place: unknown) {
    const as = await openIdProvider()
    const { issuer: _, ...known } = await (await fetch(`${as.issuer}/.well-known/openid-configuration`)).json()
    const auth = login(as, { metadata: { ...known, end_session_endpoint: place } })
    await auth.complete(await as.visit(await auth.start()))
    const token = textOf(await auth.token(given()))
    const result = await auth.signOut()
    expect(await as.isActive(token)).toBe(false)
    return result
  }

  it.each([
    'javascript:alert(1)',
    'javascript://127.0.0.1/%0aalert(1)',
    'data:text/html,x',
    'blob:https://login.example.com/x',
    'http://login.example.com/end',
    'https://user:word@login.example.com/end',
    '//login.example.com/end',
    '/end',
    '',
    7,
    {},
    null,
  ])('is not visited when it is %j, and the tokens are revoked all the same', async (place) => {
    expect(await signedOut(place)).toEqual({ revoked: true })
  })

  it('may be elsewhere where you say so, and keeps what its URL has', async () => {
    const { url } = await signedOut('https://accounts.example.com/end?tenant=7')
    expect(url).toMatch(/^https:\/\/accounts\.example\.com\/end\?tenant=7&client_id=app&id_token_hint=/)
  })

  it('is not believed elsewhere when that came in clear text', async () => {
    const as = await openIdProvider()
    const auth = login(as, {
      async fetch(...request) {
        const response = await fetch(...request)
        if (!response.url.includes('.well-known')) return response
        return Response.json({ ...(await response.json()), end_session_endpoint: 'https://evil.example/end' })
      },
    })
    expect(await failure(auth.start())).toMatchObject({ code: 'issuer_invalid', message: expect.stringContaining('end_session_endpoint') }) // biome-ignore format: one line
  })
})

describe('B20 each answer is used once', () => {
  it('a page that completes twice makes one exchange, and gets the same', async () => {
    const as = await openIdProvider()
    const auth = login(as)
    const back = await as.visit(await auth.start({ returnTo: '/x' }))
    const [one, two] = await Promise.all([auth.complete(back), auth.complete(new URL(back))])
    expect([one, two, await auth.complete(back)]).toEqual([{ returnTo: '/x' }, { returnTo: '/x' }, { returnTo: '/x' }])
    expect(as.posts('/token')).toHaveLength(1)
    expect(await as.isActive(textOf(await auth.token(given())))).toBe(true)
  })

  it('two objects, pages or processes that share the store make one exchange too', async () => {
    const as = await openIdProvider()
    const store = memoryStore()
    const started = login(as, { store })
    const back = await as.visit(await started.start({ returnTo: '/x' }))
    const results = await Promise.all(Array.from({ length: 5 }, () => login(as, { store }).complete(back)))
    expect(results).toEqual(Array(5).fill({ returnTo: '/x' }))
    expect(await login(as, { store }).complete(back)).toEqual({ returnTo: '/x' })
    expect(as.posts('/token')).toHaveLength(1)
    expect(await started.signedIn()).toBe(true)
  })

  it('what else is in the URL of the page is none of the server’s', async () => {
    const as = await openIdProvider()
    const auth = login(as)
    expect(await auth.complete(`${await as.visit(await auth.start())}&tab=1&tab=2`)).toEqual({})
  })

  it('another code with the state of a completed sign-in is refused, and is not sent', async () => {
    const as = await openIdProvider()
    const store = memoryStore()
    const auth = login(as, { store })
    const back = new URL(await as.visit(await auth.start()))
    await auth.complete(back)
    back.searchParams.set('code', 'injected')
    expect(await failure(login(as, { store }).complete(back))).toMatchObject({ code: 'callback_invalid' })
    expect(as.posts('/token')).toHaveLength(1)
  })

  it.each([
    ['without a state', (answer: URLSearchParams) => answer.delete('state')],
    ['with the state of nobody', (answer: URLSearchParams) => answer.set('state', 'x')],
    ['from another issuer (mix-up)', (answer: URLSearchParams) => answer.set('iss', 'https://evil.example')],
    ['that does not say from whom', (answer: URLSearchParams) => answer.delete('iss')],
    ['with two codes', (answer: URLSearchParams) => answer.append('code', 'y')],
    ['with two states', (answer: URLSearchParams) => answer.append('state', 'y')],
    ['without a code', (answer: URLSearchParams) => answer.delete('code')],
    ['from two issuers', (answer: URLSearchParams) => answer.append('iss', 'https://evil.example')],
    ['from no issuer', (answer: URLSearchParams) => answer.set('iss', '')],
    ['with two errors', (answer: URLSearchParams) => { answer.append('error', 'x'); answer.append('error', 'y') }], // biome-ignore format: one a line
    ['with a token in it', (answer: URLSearchParams) => answer.append('id_token', 'y')],
    ['with an access token in it', (answer: URLSearchParams) => answer.append('token', 'y')],
    ['in a JWT', (answer: URLSearchParams) => answer.append('response', 'y')],
  ])('an answer %s is refused, and its code is not sent', async (_, change) => {
    const as = await openIdProvider()
    const auth = login(as)
    const back = new URL(await as.visit(await auth.start()))
    const code = back.searchParams.get('code') as string
    change(back.searchParams)
    const error = await failure(auth.complete(back))
    expect(['callback_invalid', 'client_misconfigured']).toContain(error.code)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(code)
    expect(as.posts('/token')).toEqual([])
    expect(await auth.signedIn()).toBe(false)
  })

  it('the state is bound to its issuer: another one with the same store does not get the code', async () => {
    const [as, evil] = [await openIdProvider(), await openIdProvider()]
    const store = memoryStore()
    const back = await as.visit(await login(as, { store }).start())
    expect(await failure(login(evil, { store }).complete(back))).toMatchObject({ code: 'callback_invalid' })
    expect(evil.posts('/token')).toEqual([])
  })

  it('what the server refuses is told, and an error of somebody else is not believed', async () => {
    const as = await openIdProvider()
    as.user = 'refuses'
    const auth = login(as)
    const refused = await as.visit(await auth.start())
    expect(await failure(auth.complete(refused))).toMatchObject({
      code: 'interaction_required',
      error: 'access_denied',
    })
    const none = await as.visit(await login(as).start({ prompt: 'none' }))
    expect(query(none).get('error')).toBe('login_required')
    const foreign = new URL(await as.visit(await auth.start()))
    foreign.searchParams.set('iss', 'https://evil.example')
    const error = await failure(auth.complete(foreign))
    expect(error).toMatchObject({ code: 'callback_invalid', error: undefined })
  })

  it('metadata that cannot be had costs nothing: the same answer is good later', async () => {
    const as = await openIdProvider()
    const store = memoryStore()
    const back = await as.visit(await login(as, { store }).start())
    let down = true
    const auth = login(as, {
      store,
      fetch: async (input, init) => (down ? Promise.reject(new TypeError('down')) : fetch(input, init)),
    })
    expect(await failure(auth.complete(back))).toMatchObject({ code: 'token_unavailable' })
    down = false
    expect(await auth.complete(back)).toEqual({})
  })

  it('sign-ins that nobody completes are forgotten, with their keys', async () => {
    const as = await openIdProvider()
    const kept = new Map<string, number>()
    const { keyPair: _, ...plain } = memoryStore()
    const store = {
      ...plain,
      put: async (...[id, value, options]: Parameters<typeof plain.put>) => {
        const result = await plain.put(id, value, options)
        if (result.ok) kept.set(id, value.length)
        return result
      },
      delete: async (id: string) => {
        kept.delete(id)
        return plain.delete(id)
      },
    }
    const auth = login(as, { store, dpop: true })
    const first = await auth.start()
    for (let i = 0; i < 30; i++) await auth.start()
    await vi.waitFor(() => expect(kept.size).toBe(21))
    expect(Math.max(...kept.values())).toBeLessThan(10_000)
    expect(await failure(auth.complete(await as.visit(first)))).toMatchObject({ code: 'callback_invalid' })
  })
})

it('a sign-in that cannot be started leaves no key behind', async () => {
  const as = await openIdProvider()
  const { keyPair: _, ...store } = memoryStore()
  const ids = new Set<string>()
  const { put } = store
  store.put = (id, ...rest) => {
    ids.add(id)
    return put(id, ...rest)
  }
  as.faults['/request'] = [answers(503, '')]
  await failure(login(as, { store, dpop: true, pushed: true }).start())
  expect(ids.size).toBe(1)
  for (const id of ids) expect(await store.get(id)).toBeUndefined()
})

describe('in a page', () => {
  const page = (href: string) => {
    const location = { href }
    const history = {
      state: { scroll: 5 },
      replaceState: vi.fn((_: unknown, __: string, url: URL) => {
        location.href = String(url)
      }),
    }
    vi.stubGlobal('location', location)
    vi.stubGlobal('history', history)
    vi.stubGlobal('document', {})
    return { location, history }
  }
  const staying = () => ({ ...memoryStore(), traits: { ...memoryStore().traits, durability: 'power-loss' as const } })
  afterEach(() => void vi.unstubAllGlobals())

  it('B20 the answer is gone from the address bar, the rest stays, and completing again gives the same', async () => {
    const as = await openIdProvider()
    const auth = login(as, { store: staying() })
    const back = `${await as.visit(await auth.start({ returnTo: '/x' }))}&tab=2#top`
    const { location, history } = page(back)
    expect(await auth.complete(location.href)).toEqual({ returnTo: '/x' })
    expect(location.href).toBe(`${CALLBACK}?tab=2#top`)
    expect(history.replaceState.mock.calls[0]?.[0]).toEqual({ scroll: 5 })
    expect(await auth.complete(location.href)).toEqual({ returnTo: '/x' })
    expect(as.posts('/token')).toHaveLength(1)
  })

  it('a store that ends with the page is refused before the user leaves it', async () => {
    const as = await openIdProvider()
    page('http://127.0.0.1/')
    const error = await failure(login(as).start())
    expect(error.message).toContain('indexedDbStore')
    expect(await login(as).start({ popup: 'x' })).toContain('display=popup')
  })
})

describe('what cannot be meant is refused at creation', () => {
  const make = (options: object) => () =>
    authorizationCode({ issuer: 'https://login.example.com', clientId: 'app', redirectUri: 'https://app.example.com/cb', store: memoryStore(), ...options }) // biome-ignore format: one line
  it.each([
    [{ redirectUri: '/cb' }, 'whole URL'],
    [{ redirectUri: 'http://app.example.com/cb' }, 'https'],
    [{ redirectUri: 'https://app.example.com/cb#x' }, 'fragment'],
    [{ parameters: { state: 'mine' } }, '`state`'],
    [{ parameters: { response_type: 'token' } }, 'implicit'],
    [{ responseType: 'token' }, 'implicit'],
    [{ grantType: 'implicit' }, '`authorizationCode()`'],
    [{ grantType: 'password' }, '`deviceCode()`'],
    [{ username: 'ada', password: 'x' }, '`deviceCode()`'],
    [{ store: undefined }, 'memoryStore()'],
    [{ dpop: 'yes' }, '`dpop`'],
    [{ verifyIdToken: true }, '`idTokenSignature()`'],
    [{ requestObject: { privateKey: 'x' } }, '`signedRequest('],
  ])('%o', (options, says) => {
    expect(make(options)).toThrow(says)
  })

  it('a redirect to an app of this machine is fine', () => {
    for (const redirectUri of ['com.example.app:/cb', 'http://localhost:3000/cb', new URL('http://[::1]/cb')])
      expect(make({ redirectUri })).not.toThrow()
  })

  it('a server without a place to sign in says so', async () => {
    const metadata = { token_endpoint: 'https://login.example.com/token' }
    const auth = authorizationCode({ issuer: 'https://login.example.com', metadata, clientId: 'app', redirectUri: CALLBACK, store: memoryStore() }) // biome-ignore format: one line
    expect(await failure(auth.start())).toMatchObject({ code: 'issuer_invalid' })
  })

  it('a server that refuses what is pushed has the last word', async () => {
    const as = await openIdProvider()
    as.faults['/request'] = [
      answers(400, { error: 'invalid_scope' }),
      answers(503, ''),
      answers(201, { expires_in: 5 }),
    ]
    const auth = login(as, { pushed: true })
    expect(await failure(auth.start())).toMatchObject({ code: 'client_misconfigured', error: 'invalid_scope' })
    expect(await failure(auth.start())).toMatchObject({ code: 'token_unavailable', status: 503 })
    expect(await failure(auth.start())).toMatchObject({ code: 'token_unavailable' })
  })
})
