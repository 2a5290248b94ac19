// Where the token of a grant goes: to the origins of the client, and nowhere else, whatever the server of the API says.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createClient, memoryStore } from '../../src/index.ts'
import { authorizationCode, clientCredentials, jwtBearer, refreshToken, tokenExchange } from '../../src/oauth/oauth.ts'
import type { AuthStrategy } from '../../src/types.ts'
import { api } from '../servers/api.ts'
import { rotatingServer } from '../servers/rotating.ts'
import { failure } from './token.ts'

afterEach(() => void vi.restoreAllMocks())

/** A token from each grant that needs no user, or whose user was here before. */
const GRANTS: Record<string, (issuer: string) => AuthStrategy> = {
  clientCredentials: (issuer) => clientCredentials({ issuer, clientId: 'app', clientSecret: 's' }),
  jwtBearer: (issuer) => jwtBearer({ issuer, clientId: 'app', assertion: 'a.b.c' }),
  tokenExchange: (issuer) => tokenExchange({ issuer, clientId: 'app', subjectToken: 't' }),
  refreshToken: (issuer) => refreshToken({ issuer, clientId: 'app', refreshToken: 'refresh-0' }),
  'for() of a login': (issuer) => refreshToken({ issuer, clientId: 'app', refreshToken: 'refresh-0' }).for({}),
}

describe.each(Object.keys(GRANTS))('B17 the token of %s', (name) => {
  async function place() {
    const as = await rotatingServer()
    // Every grant is welcome.
    const answer = (response: Parameters<(typeof as.faults)[number]>[0]) =>
      void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"access_token":"the-token","token_type":"bearer","expires_in":600}')
    as.faults.push(answer, answer, answer)
    const elsewhere = await api()
    const own = await api(({ url }) => {
      const status = Number(url.slice(1))
      return status ? { status, headers: { location: `${elsewhere.url}taken` } } : {}
    })
    const auth = (GRANTS[name] as (issuer: string) => AuthStrategy)(as.issuer)
    return { as, own, elsewhere, auth, client: createClient({ baseUrl: own.url, auth }) }
  }

  it('goes to the origins that were configured, and no request with it anywhere else', async () => {
    const { as, own, elsewhere, client } = await place()
    expect(await failure(client.get(elsewhere.url).text())).toMatchObject({ code: 'origin_not_allowed' })
    expect(as.tokenRequests).toEqual([])
    await client.get('').text()
    expect(own.seen[0]?.headers.authorization).toBe('Bearer the-token')
    expect(elsewhere.seen).toEqual([])
    as.close()
  })

  it('is not attached again after a redirect to another origin, which is not followed', async () => {
    const { as, own, elsewhere, client } = await place()
    for (const status of [301, 302, 303, 307, 308])
      expect(await failure(client.get(String(status)).text())).toMatchObject({ code: 'redirect_refused' })
    expect(own.seen).toHaveLength(5)
    expect(elsewhere.seen).toEqual([])
    as.close()
  })

  it('is neither asked for nor sent over http beyond this machine', async () => {
    const { as, auth } = await place()
    const fetch = vi.fn()
    const call = async () => createClient({ baseUrl: 'http://api.example.com/', auth, fetch }).get('').text()
    expect(await failure(call())).toMatchObject({ code: 'insecure_url' })
    expect(fetch).not.toHaveBeenCalled()
    expect(as.tokenRequests).toEqual([])
    as.close()
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
