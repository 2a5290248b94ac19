import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { apiKey, type ClientEvent, createClient, memoryStore, Secret } from '../../src/index.ts'
import { type ClientCredentialsOptions, clientCredentials, OAuthError } from '../../src/oauth/oauth.ts'
import type { TokenContext } from '../../src/types.ts'
import { api } from '../servers/api.ts'
import { answers, authorizationServer, CLIENT_ID, CLIENT_SECRET, dropped } from '../servers/authorization.ts'

const grant = (issuer: string, options: Partial<ClientCredentialsOptions> = {}) =>
  clientCredentials({ issuer, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, ...options })
const context = (options: Partial<TokenContext> = {}): TokenContext => ({
  origin: 'https://api.example.com',
  signal: new AbortController().signal,
  now: Date.now,
  report: () => {},
  ...options,
})
const text = (token: { value: Secret<string> }) => token.value.use((value) => value)
const failure = (call: Promise<unknown>): Promise<OAuthError> =>
  call.then(
    () => expect.unreachable(),
    (error) => error,
  )

/** A resource server that asks the authorization server's own book. */
const resource = (as: { isGood(token: string): boolean }) =>
  api(({ headers }) =>
    as.isGood((headers.authorization ?? '').replace('Bearer ', ''))
      ? {}
      : { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } },
  )

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('against oidc-provider', () => {
  it('a service gets in: discovery, basic or post, scope', async () => {
    const as = await authorizationServer()
    const { url, seen } = await resource(as)
    for (const auth of [
      grant(as.issuer, { scope: 'orders:read' }),
      grant(as.issuer, { clientSecret: new Secret(CLIENT_SECRET) }),
      grant(as.issuer, { clientSecret: async () => CLIENT_SECRET }),
      grant(as.issuer, { clientId: 'poster', clientAuthentication: 'post' }),
      grant(as.issuer, { metadata: { token_endpoint: `${as.issuer}/token` } }),
    ])
      expect(await createClient({ baseUrl: url, auth }).get('').text()).toBe('ok')
    expect(seen).toHaveLength(5)
    expect(as.tokenRequests[0]?.body).toContain('scope=orders%3Aread')
    expect(as.tokenRequests[3]?.authorization).toBeUndefined()
    expect(as.tokenRequests[3]?.body).toContain('client_secret=')
    expect(as.tokenRequests[0]?.body).not.toContain('client_secret')
  })

  it('B1 100 parallel calls without a token make one token request', async () => {
    const as = await authorizationServer()
    const { url, seen } = await resource(as)
    const client = createClient({ baseUrl: url, auth: grant(as.issuer) })
    const answers_ = await Promise.all(Array.from({ length: 100 }, () => client.get('').text()))
    expect(answers_.every((body) => body === 'ok')).toBe(true)
    expect(as.tokenRequests).toHaveLength(1)
    expect(new Set(seen.map(({ headers }) => headers.authorization)).size).toBe(1)
  })

  it('1,000 calls at the moment of expiry make one token request, and none fails', async () => {
    const as = await authorizationServer()
    const { url } = await resource(as)
    as.lifetime = 1
    const client = createClient({ baseUrl: url, auth: grant(as.issuer), timeout: false })
    await client.get('')
    await new Promise((resolve) => setTimeout(resolve, 1050))
    as.lifetime = 600
    const results = await Promise.allSettled(Array.from({ length: 1000 }, () => client.get('').text()))
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
    expect(as.tokenRequests).toHaveLength(2)
  })

  it('B2 T15 401s for one token, whenever they arrive, cost one renewal', async () => {
    const as = await authorizationServer()
    let revoked: string | undefined
    const { url, seen } = await api(async ({ headers, url: path }) => {
      revoked ??= headers.authorization
      if (headers.authorization !== revoked) return {}
      await new Promise((resolve) => setTimeout(resolve, Number(path.slice(1)) * 15))
      return { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } }
    })
    const client = createClient({ baseUrl: url, auth: grant(as.issuer) })
    const bodies = await Promise.all(Array.from({ length: 10 }, (_, i) => client.get(String(i)).text()))
    expect(bodies.every((body) => body === 'ok')).toBe(true)
    expect(as.tokenRequests).toHaveLength(2)
    expect(seen).toHaveLength(20)
  })

  it('B3 the abort of one caller fails nobody else, also when it began the request', async () => {
    const as = await authorizationServer()
    const source = grant(as.issuer)
    const control = new AbortController()
    const first = source.token(context({ signal: control.signal }))
    const others = Array.from({ length: 5 }, () => source.token(context()))
    control.abort('mine alone')
    await expect(first).rejects.toBe('mine alone')
    expect(new Set((await Promise.all(others)).map(text)).size).toBe(1)
    expect(as.tokenRequests).toHaveLength(1)
  })

  it('a wrong secret is a misconfiguration, told once per request, and leaks nothing', async () => {
    const as = await authorizationServer()
    const error = await failure(grant(as.issuer, { clientSecret: 'wrong-sentinel' }).token(context()))
    expect(error).toBeInstanceOf(OAuthError)
    expect(error).toMatchObject({
      code: 'client_misconfigured',
      retryable: false,
      error: 'invalid_client',
      status: 401,
    })
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain('sentinel')
    expect(as.tokenRequests).toHaveLength(1)
    as.faults.push(answers(400, { error: 'invalid_scope' }), answers(400, { error: 'bad\nsentinel' }))
    expect(await failure(grant(as.issuer).token(context()))).toMatchObject({
      error: 'invalid_scope',
      code: 'client_misconfigured',
    })
    expect(await failure(grant(as.issuer).token(context()))).toMatchObject({
      error: 'unreadable',
      code: 'client_misconfigured',
    })
  })

  it('B13 B14 a token endpoint in trouble never costs a token that is still good, and never looks like success', async () => {
    const as = await authorizationServer()
    const source = grant(as.issuer)
    const good = await source.token(context())
    vi.spyOn(Math, 'random').mockReturnValue(0)
    for (const fault of [
      answers(503, { a: 1 }),
      answers(502, '<html>'),
      answers(429, {}, { 'retry-after': '3600' }),
      answers(200, '<html>log in to the network</html>'),
      answers(200, { token_type: 'bearer' }),
      answers(200, { access_token: 5, token_type: 'bearer' }),
      answers(200, { access_token: '', token_type: 'bearer' }),
      answers(200, { access_token: 'x', token_type: 'mac' }),
      answers(200, ['access_token']),
      answers(200, { error: 'invalid_client' }),
      answers(400, { error: 'invalid_client' }),
      answers(302, '', { location: 'https://evil.example/' }),
      answers(401, 'no'),
      answers(200, '{"access_token":"torn'),
      dropped,
    ]) {
      as.faults.push(fault, fault, fault, fault)
      const fresh = grant(as.issuer, { metadata: { token_endpoint: `${as.issuer}/token` } })
      const error = await failure(fresh.token(context()))
      expect(error).toBeInstanceOf(OAuthError)
      expect(inspect(error, { depth: 9 })).not.toContain('torn')
      as.faults.length = 0
      expect(text(await source.token(context()))).toBe(text(good))
    }
  })

  it('B13 T15 Retry-After of the token endpoint is waited out once, for everybody', async () => {
    const as = await authorizationServer()
    as.faults.push(answers(429, { error: 'slow_down' }, { 'retry-after': '1' }))
    const source = grant(as.issuer)
    const start = performance.now()
    const tokens = await Promise.all(Array.from({ length: 20 }, () => source.token(context())))
    expect(performance.now() - start).toBeGreaterThanOrEqual(990)
    expect(new Set(tokens.map(text)).size).toBe(1)
    expect(as.tokenRequests).toHaveLength(2)
  })

  it('B13 a longer Retry-After is told at once, and nobody asks before it', async () => {
    const as = await authorizationServer()
    as.faults.push(answers(429, {}, { 'retry-after': '120' }))
    const source = grant(as.issuer)
    const errors = await Promise.all(Array.from({ length: 5 }, () => failure(source.token(context()))))
    errors.push(await failure(source.token(context())))
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'token_unavailable', retryable: true, status: 429 })
      expect((error.retryAt ?? 0) - Date.now()).toBeGreaterThan(110_000)
    }
    expect(as.tokenRequests).toHaveLength(1)
  })

  it('a failure of the token endpoint is what the caller of the API hears, not a 401', async () => {
    const as = await authorizationServer()
    const { url, seen } = await resource(as)
    as.faults.push(answers(400, { error: 'unauthorized_client' }))
    const client = createClient({ baseUrl: url, auth: grant(as.issuer) })
    expect(await failure(client.get(''))).toMatchObject({ code: 'client_misconfigured', error: 'unauthorized_client' })
    expect(seen).toHaveLength(0)
  })

  it('B15 T15 a 401 is renewed and replayed once: a second one is handed up, a 403 is left alone', async () => {
    const as = await authorizationServer()
    for (const [status, challenge, requests] of [
      [401, 'Bearer error="invalid_token"', 2],
      [401, undefined, 2],
      [403, 'Bearer error="insufficient_scope"', 1],
    ] as const) {
      const before = as.tokenRequests.length
      const { url, seen } = await api(() => ({ status, headers: challenge ? { 'www-authenticate': challenge } : {} }))
      expect((await createFetch({ baseUrl: url, auth: grant(as.issuer) })(url)).status).toBe(status)
      expect(seen).toHaveLength(requests)
      expect(as.tokenRequests.length - before).toBe(requests)
    }
  })

  it('beside an API key, both arrive', async () => {
    const as = await authorizationServer()
    const { url, seen } = await resource(as)
    await createClient({ baseUrl: url, auth: [apiKey({ name: 'X-App', value: 'app' }), grant(as.issuer)] }).get('')
    expect(seen[0]?.headers).toMatchObject({ 'x-app': 'app', authorization: expect.stringContaining('Bearer ') })
  })

  it('a renewal is an event, without the token', async () => {
    const as = await authorizationServer()
    const { url } = await resource(as)
    const events: ClientEvent[] = []
    const onEvent = (event: ClientEvent) => {
      events.push(event)
      throw new Error('a listener that throws breaks no renewal')
    }
    await createClient({ baseUrl: url, auth: grant(as.issuer), onEvent }).get('')
    expect(events[0]).toMatchObject({ type: 'renew', outcome: 'renewed' })
    expect(JSON.stringify(events)).not.toContain(text(await grant(as.issuer).token(context())).slice(0, 8))
  })
})

describe('where credentials go', () => {
  it('not to an issuer whose metadata names another, nor over http, nor to an endpoint in clear text', async () => {
    const token = await api()
    const liar = await api(() => ({
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ issuer: 'https://other.example', token_endpoint: `${token.url}token` }),
    }))
    expect(await failure(grant(liar.origin).token(context()))).toMatchObject({ code: 'issuer_invalid' })
    const honest = await api(() => ({
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ issuer: honest.origin, token_endpoint: 'http://api.example.com/token' }),
    }))
    expect(await failure(grant(honest.origin).token(context()))).toMatchObject({ code: 'insecure_url' })
    const nothing = await api(() => ({ status: 404 }))
    expect(await failure(grant(nothing.origin).token(context()))).toMatchObject({ code: 'issuer_invalid' })
    expect(nothing.seen.map(({ url }) => url)).toEqual([
      '/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server',
    ])
    expect(token.seen).toHaveLength(0)
    expect(() => grant('http://login.example.com')).toThrow('https')
    expect(() =>
      grant('https://login.example.com', { metadata: { token_endpoint: 'http://login.example.com/token' } }),
    ).toThrow('https')
  })

  it('falls back to the metadata of RFC 8414', async () => {
    const as = await api(({ url }) => {
      if (url === '/.well-known/openid-configuration') return { status: 404 }
      const body =
        url === '/token'
          ? { access_token: 'a', token_type: 'Bearer' }
          : { issuer: as.origin, token_endpoint: `${as.origin}/token` }
      return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    })
    expect(text(await grant(as.origin).token(context()))).toBe('a')
  })

  it('discovery that fails for now is asked again later', async () => {
    let up = false
    const as = await api(({ url }) => {
      if (!up) return { status: 503 }
      const body =
        url === '/token'
          ? { access_token: 'a', token_type: 'Bearer', expires_in: 60 }
          : { issuer: as.origin, token_endpoint: `${as.origin}/token` }
      return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    })
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const source = grant(as.origin)
    expect(await failure(source.token(context()))).toMatchObject({ code: 'token_unavailable', retryable: true })
    up = true
    expect(text(await source.token(context()))).toBe('a')
  })

  it('bad options are refused at creation', () => {
    expect(() => grant('https://a.example', { clientId: '' })).toThrow('clientId')
    expect(() => grant('https://a.example', { clientSecret: '' })).toThrow('clientSecret')
    expect(() => grant('https://a.example', { clientAuthentication: 'magic' as never })).toThrow("'post'")
    expect(() => grant('not a url')).toThrow('issuer')
  })
})

describe('the life of a token', () => {
  /** A token endpoint by hand, on fake time: no network to wait for. */
  function endpoint(lifetime = 1000) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
    const state = { requests: 0, fails: false }
    const fetch = async () => {
      state.requests++
      if (state.fails) return new Response('', { status: 503 })
      return Response.json({ access_token: `t${state.requests}`, token_type: 'Bearer', expires_in: lifetime })
    }
    const source = grant('https://login.example.com', {
      metadata: { token_endpoint: 'https://login.example.com/token' },
      fetch,
    })
    return { state, source }
  }

  it('B10 keeps the scope the server granted', async () => {
    const fetch = async () =>
      Response.json({ access_token: 'a', token_type: 'bearer', expires_in: null, scope: 'read' })
    const source = grant('https://login.example.com', {
      metadata: { token_endpoint: 'https://login.example.com/token' },
      fetch,
      scope: 'read write',
    })
    expect(await source.token(context())).toMatchObject({ scope: 'read', type: 'Bearer' })
  })

  it('B11 in the last minute a call uses the old token and starts one renewal in the background', async () => {
    const { state, source } = endpoint(1000)
    expect(text(await source.token(context()))).toBe('t1')
    await vi.advanceTimersByTimeAsync(900_000)
    expect(text(await source.token(context()))).toBe('t1')
    expect(state.requests).toBe(1)
    await vi.advanceTimersByTimeAsync(60_000)
    const tokens = await Promise.all(Array.from({ length: 10 }, () => source.token(context())))
    expect(tokens.map(text)).toEqual(Array(10).fill('t1'))
    await vi.advanceTimersByTimeAsync(10)
    expect(state.requests).toBe(2)
    expect(text(await source.token(context()))).toBe('t2')
  })

  it('B11 a background failure rejects nobody, and is tried again only after a rest', async () => {
    const unhandled: unknown[] = []
    const listener = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', listener)
    const { state, source } = endpoint(1000)
    await source.token(context())
    state.fails = true
    await vi.advanceTimersByTimeAsync(960_000)
    expect(text(await source.token(context()))).toBe('t1')
    await vi.advanceTimersByTimeAsync(9000)
    const failed = state.requests
    expect(text(await source.token(context()))).toBe('t1')
    await vi.advanceTimersByTimeAsync(10)
    expect(state.requests).toBe(failed)
    state.fails = false
    await vi.advanceTimersByTimeAsync(15_000)
    await source.token(context())
    await vi.advanceTimersByTimeAsync(10)
    expect(state.requests).toBe(failed + 1)
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
  })

  it('B12 no timer is left, a token of thirty days is asked for once, and after a long sleep it is renewed on first use', async () => {
    const { state, source } = endpoint(30 * 86_400)
    await source.token(context())
    expect(vi.getTimerCount()).toBe(0)
    for (let day = 0; day < 29; day++) {
      await vi.advanceTimersByTimeAsync(86_400_000)
      await source.token(context())
    }
    expect(state.requests).toBe(1)
    // The machine slept: only the clock on the wall went on.
    vi.setSystemTime(Date.now() + 2 * 86_400_000)
    expect(text(await source.token(context()))).toBe('t2')
  })

  it('a clock that jumps back does not make an old token young', async () => {
    const { source } = endpoint(100)
    await source.token(context())
    await vi.advanceTimersByTimeAsync(101_000)
    vi.setSystemTime(Date.now() - 3_600_000)
    expect(text(await source.token(context()))).toBe('t2')
  })

  it('renew is false when the server gives the refused token again', async () => {
    const fetch = async () => Response.json({ access_token: 'always', token_type: 'Bearer', expires_in: 60 })
    const source = grant('https://login.example.com', {
      metadata: { token_endpoint: 'https://login.example.com/token' },
      fetch,
    })
    const token = await source.token(context())
    expect(await source.renew?.(token, [], context())).toBe(false)
  })

  it('a waiter takes over when whoever began the renewal was stopped without a word', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    let requests = 0
    const fetch = () =>
      ++requests === 1
        ? new Promise<Response>(() => {})
        : Promise.resolve(Response.json({ access_token: 'second', token_type: 'Bearer' }))
    const source = grant('https://login.example.com', {
      metadata: { token_endpoint: 'https://login.example.com/token' },
      fetch,
    })
    const waiting = Promise.all([source.token(context()), source.token(context())])
    await vi.advanceTimersByTimeAsync(32_000)
    expect((await waiting).map(text)).toEqual(['second', 'second'])
    expect(requests).toBe(2)
  })
})

describe('kept in a store', () => {
  it('another instance finds the token, and only one fetches when several start at once', async () => {
    const as = await authorizationServer()
    const store = memoryStore()
    const tokens = await Promise.all(Array.from({ length: 5 }, () => grant(as.issuer, { store }).token(context())))
    expect(new Set(tokens.map(text)).size).toBe(1)
    expect(as.tokenRequests).toHaveLength(1)
    expect(text(await grant(as.issuer, { store }).token(context()))).toBe(text(tokens[0] as never))
    expect(as.tokenRequests).toHaveLength(1)
  })

  it('B24 issuer, client, scopes, resource and audience are part of the name: nobody shares by accident', async () => {
    const [one, two] = [await authorizationServer(), await authorizationServer()]
    const store = memoryStore()
    const fetched = async (options: Partial<ClientCredentialsOptions>, as = one) => {
      const before = as.tokenRequests.length
      await grant(as.issuer, { store, ...options }).token(context())
      return as.tokenRequests.length - before
    }
    expect(await fetched({})).toBe(1)
    expect(await fetched({}, two)).toBe(1)
    expect(await fetched({ clientId: 'poster', clientAuthentication: 'post' })).toBe(1)
    expect(await fetched({ scope: 'orders:read orders:write' })).toBe(1)
    expect(await fetched({ scope: 'orders:write  orders:read' })).toBe(0)
    expect(await fetched({ scope: 'orders:read' })).toBe(1)
    expect(await fetched({ audience: 'https://a.example' })).toBe(1)
    expect(await fetched({})).toBe(0)
  })

  it('a stored token that was refused is renewed, not taken again', async () => {
    const as = await authorizationServer()
    const store = memoryStore()
    const [a, b] = [grant(as.issuer, { store }), grant(as.issuer, { store })]
    const token = await a.token(context())
    expect(await a.renew?.(token, [], context())).toBe(true)
    expect(await b.renew?.(token, [], context())).toBe(true)
    expect(text(await b.token(context()))).toBe(text(await a.token(context())))
    expect(as.tokenRequests).toHaveLength(2)
  })

  it('a store that fails, or holds garbage, costs a token request and nothing else', async () => {
    const as = await authorizationServer()
    const broken = {
      ...memoryStore(),
      get: () => Promise.reject(new Error('down')),
      lock: memoryStore().lock,
      put: () => Promise.reject(new Error('down')),
    }
    expect(text(await grant(as.issuer, { store: broken }).token(context()))).toBeTruthy()
    const store = memoryStore()
    const source = grant(as.issuer, { store })
    const id = `oauth ${JSON.stringify([as.issuer, CLIENT_ID, undefined, undefined, undefined, 'client_credentials', false])}`
    await store.put(id, new TextEncoder().encode('garbage'), { ifVersion: null })
    expect(text(await source.token(context()))).toBeTruthy()
    expect(text(await grant(as.issuer, { store }).token(context()))).toBe(text(await source.token(context())))
  })
})
