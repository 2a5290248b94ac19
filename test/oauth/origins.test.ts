// Where the token of a grant goes: to the origins of the client, and nowhere else, whatever the server of the API says.
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createClient, memoryStore } from '../../src/index.ts'
import { authorizationCode, clientCredentials, jwtBearer, refreshToken, tokenExchange } from '../../src/oauth/oauth.ts'
import type { AuthStrategy } from '../../src/types.ts'
import { api } from '../servers/api.ts'
import { answers, type Fault } from '../servers/authorization.ts'
import { CALLBACK, type OpenIdProvider, openIdProvider } from '../servers/openid.ts'
import { rotatingServer } from '../servers/rotating.ts'
import { KINDS, quick } from './kinds.ts'
import { failure } from './token.ts'

afterEach(() => void vi.restoreAllMocks())

type Grant = { auth: AuthStrategy; requests: () => number }

/** A grant that needs no user, or whose user was here before, at a server that welcomes it. */
const welcome = (make: (issuer: string) => AuthStrategy) => async (): Promise<Grant> => {
  const as = await rotatingServer()
  onTestFinished(as.close)
  const answer: Fault = answers(200, { access_token: 'the-token', token_type: 'bearer', expires_in: 600 })
  as.faults.push(answer, answer, answer)
  return { auth: make(as.issuer), requests: () => as.tokenRequests.length }
}

/** A grant whose user has just signed in. */
const signedIn = (signIn: (as: OpenIdProvider) => Promise<AuthStrategy>) => async (): Promise<Grant> => {
  const as = await openIdProvider()
  const auth = await signIn(as)
  const before = as.posts('/token').length
  return { auth, requests: () => as.posts('/token').length - before }
}

const GRANTS: Record<string, () => Promise<Grant>> = {
  clientCredentials: welcome((issuer) => clientCredentials({ issuer, clientId: 'app', clientSecret: 's' })),
  jwtBearer: welcome((issuer) => jwtBearer({ issuer, clientId: 'app', assertion: 'a.b.c' })),
  tokenExchange: welcome((issuer) => tokenExchange({ issuer, clientId: 'app', subjectToken: 't' })),
  refreshToken: welcome((issuer) => refreshToken({ issuer, clientId: 'app', refreshToken: 'refresh-0' })),
  'for() of a login': welcome((issuer) => refreshToken({ issuer, clientId: 'app', refreshToken: 'refresh-0' }).for({})),
  authorizationCode: signedIn(async (as) => {
    const login = authorizationCode({
      issuer: as.issuer,
      clientId: 'app',
      redirectUri: CALLBACK,
      scope: 'openid',
      store: memoryStore(),
    })
    await login.complete(await as.visit(await login.start()))
    return login
  }),
  ...Object.fromEntries(
    Object.entries(KINDS).map(([name, make]) => [
      name,
      signedIn(async (as) => {
        const login = make(as, quick)
        await login.signIn()
        return login
      }),
    ]),
  ),
}

describe.each(Object.keys(GRANTS))('B17 the token of %s', (name) => {
  async function place() {
    const { auth, requests } = await (GRANTS[name] as () => Promise<Grant>)()
    const elsewhere = await api()
    const own = await api(({ url }) => {
      const status = Number(url.slice(1))
      return status ? { status, headers: { location: `${elsewhere.url}taken` } } : {}
    })
    return { own, elsewhere, auth, requests, client: createClient({ baseUrl: own.url, auth }) }
  }

  it('goes to the origins that were configured, and no request with it anywhere else', async () => {
    const { own, elsewhere, client, requests } = await place()
    expect(await failure(client.get(elsewhere.url).text())).toMatchObject({ code: 'origin_not_allowed' })
    expect(requests()).toBe(0)
    await client.get('').text()
    expect(own.seen[0]?.headers.authorization).toMatch(/^Bearer ./)
    expect(elsewhere.seen).toEqual([])
  })

  it('is not attached again after a redirect to another origin, which is not followed', async () => {
    const { own, elsewhere, client } = await place()
    for (const status of [301, 302, 303, 307, 308])
      expect(await failure(client.get(String(status)).text())).toMatchObject({ code: 'redirect_refused' })
    expect(own.seen).toHaveLength(5)
    expect(elsewhere.seen).toEqual([])
  })

  it('is neither asked for nor sent over http beyond this machine', async () => {
    const { auth, requests } = await place()
    const fetch = vi.fn()
    const call = async () => createClient({ baseUrl: 'http://api.example.com/', auth, fetch }).get('').text()
    expect(await failure(call())).toMatchObject({ code: 'insecure_url' })
    expect(fetch).not.toHaveBeenCalled()
    expect(requests()).toBe(0)
  })
})

it('B17 the client secret and the refresh token follow no redirect of the token endpoint', async () => {
  const elsewhere = await api()
  for (const status of [301, 302, 303, 307, 308]) {
    const as = await rotatingServer()
    const redirect: (typeof as.faults)[number] = (response) =>
      void response.writeHead(status, { location: elsewhere.url }).end()
    as.faults.push(redirect, redirect, redirect, redirect)
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const options = { issuer: as.issuer, clientId: 'app', clientSecret: 's' }
    const session = refreshToken({ ...options, refreshToken: as.first })
    const client = createClient({ baseUrl: as.issuer, auth: session })
    expect(await failure(client.get('api').text())).toMatchObject({ code: 'token_unavailable', status })
    as.faults.push(redirect)
    await session.signOut()
    as.close()
  }
  expect(elsewhere.seen).toEqual([])
})

it('B17 a grant without origins for its token is refused at creation', () => {
  const auth = authorizationCode({ issuer: 'https://a.example', clientId: 'app', redirectUri: 'https://b.example/cb', store: memoryStore() }) // biome-ignore format: one line
  expect(() => createClient({ auth })).toThrow('origins')
})
