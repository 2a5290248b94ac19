// RFC 9728: what a resource says of its authorization server, and what it cannot make us do.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createClient, memoryStore } from '../../src/index.ts'
import { authorizationCode, clientCredentials, protectedResource } from '../../src/oauth/oauth.ts'
import { api, type Reply } from '../servers/api.ts'
import { authorizationServer, CLIENT_ID, CLIENT_SECRET } from '../servers/authorization.ts'
import { CALLBACK, openIdProvider } from '../servers/openid.ts'
import { failure, given, textOf } from './token.ts'

afterEach(() => void vi.restoreAllMocks())

const json = (body: unknown, status = 200): Reply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})
const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** A resource that describes itself as told. */
async function resource(describe: (path: string, url: string) => Reply | undefined) {
  const server = await api(({ url: path }) => describe(path, server.url) ?? { status: 404 })
  return server
}
const grant = (url: string, issuers: string[]) =>
  clientCredentials({ issuer: protectedResource(url, { issuers }), clientId: CLIENT_ID, clientSecret: CLIENT_SECRET })

describe('the issuer is learned', () => {
  it('from the well-known place of the resource, its path included', async () => {
    const as = await authorizationServer()
    const { url, seen } = await resource((path, own) =>
      path === `${WELL_KNOWN}/orders/v1`
        ? json({ resource: `${own}orders/v1`, authorization_servers: ['https://other.example', as.issuer] })
        : path === '/orders/v1/42'
          ? {}
          : undefined,
    )
    const auth = grant(`${url}orders/v1`, [as.issuer])
    expect(
      await createClient({ baseUrl: `${url}orders/v1/`, auth })
        .get('42')
        .text(),
    ).toBe('ok')
    expect(seen.map(({ url: path }) => path)).toEqual([`${WELL_KNOWN}/orders/v1`, '/orders/v1/42'])
    expect(seen[0]?.headers.authorization).toBeUndefined()
  })

  it('from the challenge of the resource, where nothing is well known', async () => {
    const as = await authorizationServer()
    const { url } = await resource((path, own) => {
      if (path === '/described') return json({ resource: own, authorization_servers: [as.issuer] })
      if (path !== '/mcp') return undefined
      return { status: 401, headers: { 'www-authenticate': `Bearer error="invalid_token", resource_metadata="${own}described"` } } // biome-ignore format: one line
    })
    expect(as.isGood(textOf(await grant(`${url}mcp`, [as.issuer]).token(given())))).toBe(true)
  })

  it('from the metadata that a challenge named earlier', async () => {
    const as = await authorizationServer()
    const { url } = await resource((path, own) =>
      path === '/described' ? json({ resource: own, authorization_servers: [as.issuer] }) : undefined,
    )
    const issuer = protectedResource(url, { issuers: [as.issuer], metadataUrl: `${url}described` })
    const token = await clientCredentials({ issuer, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }).token(given())
    expect(as.isGood(textOf(token))).toBe(true)
  })
})

describe('no client credential goes elsewhere', () => {
  it('not to an issuer that the resource names and nobody trusts', async () => {
    const as = await authorizationServer()
    const thief = await api()
    const { url } = await resource((_, own) => json({ resource: own, authorization_servers: [thief.origin] }))
    const error = await failure(grant(url, [as.issuer]).token(given()))
    expect(error).toMatchObject({ code: 'issuer_invalid' })
    expect(thief.seen).toEqual([])
    expect(as.tokenRequests).toEqual([])
  })

  it.each(['https://api.example.com/', 'http://127.0.0.1:1/', 'x', 5, undefined])(
    'not for metadata that describes another resource (%s)',
    async (other) => {
      const as = await authorizationServer()
      const { url } = await resource(() => json({ resource: other, authorization_servers: [as.issuer] }))
      expect(await failure(grant(url, [as.issuer]).token(given()))).toMatchObject({ code: 'issuer_invalid' })
      expect(as.tokenRequests).toEqual([])
    },
  )

  it('not for a neighbour whose path only begins the same', async () => {
    const as = await authorizationServer()
    const { url } = await resource((_, own) => json({ resource: `${own}or`, authorization_servers: [as.issuer] }))
    expect(await failure(grant(`${url}orders`, [as.issuer]).token(given()))).toMatchObject({ code: 'issuer_invalid' })
  })

  it('a challenge cannot send us to another origin', async () => {
    const as = await authorizationServer()
    const thief = await api()
    const { url } = await resource(
      (path) =>
      path === '/' ? { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${thief.url}x"` } } : undefined, // biome-ignore format: one line
    )
    expect(await failure(grant(url, [as.issuer]).token(given()))).toMatchObject({ code: 'issuer_invalid' })
    expect(thief.seen).toEqual([])
  })

  it('metadata of an issuer in clear text cannot name endpoints elsewhere, and must name that issuer', async () => {
    const thief = await api()
    for (const wrong of [
      { token_endpoint: `${thief.url}token` },
      { revocation_endpoint: `${thief.url}revoke` },
      { issuer: thief.origin },
    ]) {
      const evil = await api(({ url: path }, _, __) =>
        path.startsWith('/.well-known/')
          ? json({ issuer: evil.origin, token_endpoint: `${evil.url}token`, ...wrong })
          : { status: 404 },
      )
      const issuer = evil.origin
      const error = await failure(
        clientCredentials({ issuer, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }).token(given()),
      )
      expect(error).toMatchObject({ code: 'issuer_invalid' })
      expect(thief.seen).toEqual([])
      expect(evil.seen.every(({ url: path }) => path.startsWith('/.well-known/'))).toBe(true)
    }
  })

  it('a session stays with the issuer that gave it, whatever the resource says later', async () => {
    const [first, second] = [await openIdProvider(), await openIdProvider()]
    let named = first.issuer
    const { url } = await resource((_, own) => json({ resource: own, authorization_servers: [named] }))
    const store = memoryStore()
    const login = () => {
      const issuer = protectedResource(url, { issuers: [first.issuer, second.issuer] })
      return authorizationCode({ issuer, clientId: 'app', redirectUri: CALLBACK, scope: 'orders:read', store })
    }
    const before = login()
    await before.complete(await first.visit(await before.start()))
    const started = await first.visit(await before.start())
    named = second.issuer
    const after = login()
    const token = await after.token(given())
    expect(await first.isActive(textOf(token))).toBe(true)
    await expect(after.renew?.(token, [], given())).rejects.toMatchObject({ code: 'issuer_invalid' })
    expect(await failure(login().complete(started))).toMatchObject({ code: 'callback_invalid' })
    expect(await after.signOut()).toEqual({ revoked: false })
    expect([...second.posts('/token'), ...second.posts('/token/revocation')]).toEqual([])
  })

  it('a sign-in stays with its issuer too, also where servers do not say who they are (mix-up)', async () => {
    const [first, second] = [await openIdProvider(), await openIdProvider()]
    let named = first.issuer
    const { url } = await resource((_, own) => json({ resource: own, authorization_servers: [named] }))
    const store = memoryStore()
    const silent = async (input: string, init: RequestInit) => {
      const response = await fetch(input, init)
      if (!input.includes('.well-known')) return response
      return Response.json({ ...(await response.json()), authorization_response_iss_parameter_supported: false })
    }
    const login = () => {
      const issuer = protectedResource(url, { issuers: [first.issuer, second.issuer] })
      return authorizationCode({ issuer, clientId: 'app', redirectUri: CALLBACK, store, fetch: silent as never })
    }
    const back = new URL(await first.visit(await login().start()))
    back.searchParams.delete('iss')
    named = second.issuer
    expect(await failure(login().complete(back))).toMatchObject({ code: 'callback_invalid' })
    expect(second.posts('/token')).toEqual([])
  })

  it('a resource in trouble is no reason to mistrust it: later it may answer', async () => {
    const as = await authorizationServer()
    let status = 503
    const { url } = await resource((_, own) => json({ resource: own, authorization_servers: [as.issuer] }, status))
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const auth = grant(url, [as.issuer])
    for (status of [503, 429, 302])
      expect(await failure(auth.token(given()))).toMatchObject({ code: 'token_unavailable', status })
    status = 200
    expect(as.isGood(textOf(await auth.token(given())))).toBe(true)
    expect(await failure(grant('http://127.0.0.1:1', [as.issuer]).token(given()))).toMatchObject({ retryable: true })
  })

  it('what cannot be meant is refused at creation', () => {
    const make = (url: string, issuers: unknown) => () => protectedResource(url, { issuers: issuers as string[] })
    expect(make('https://api.example.com', [])).toThrow('`issuers`')
    expect(make('https://api.example.com', undefined)).toThrow('`issuers`')
    expect(make('https://api.example.com', ['login'])).toThrow('`issuers`')
    expect(make('http://api.example.com', ['https://login.example.com'])).toThrow('https')
    expect(make('https://api.example.com', ['http://login.example.com'])).toThrow('https')
  })
})
