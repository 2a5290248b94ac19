import { createHmac } from 'node:crypto'
// A sign-in that fails when the user is back: what says that it can be tried again can be, and what becomes no session is revoked.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { memoryStore } from '../../src/index.ts'
import { type AuthorizationCodeOptions, authorizationCode, idTokenSignature } from '../../src/oauth/oauth.ts'
import { answers, dropped, type Fault } from '../servers/authorization.ts'
import { CALLBACK, openIdProvider } from '../servers/openid.ts'
import { failure, given, textOf } from './token.ts'

afterEach(() => void vi.restoreAllMocks())

/** A user who is back, and what came from the token endpoint; `change` makes it something else on its way. */
async function back(options: Partial<AuthorizationCodeOptions> = {}, change = (body: Record<string, string>) => body) {
  const as = await openIdProvider()
  const came: string[] = []
  const transport: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    if (!String(input).endsWith('/token') || !response.ok) return response
    const body = await response.json()
    came.push(body.access_token, body.refresh_token)
    return Response.json(change(body))
  }
  const store = memoryStore()
  const open = () =>
    authorizationCode({ issuer: as.issuer, clientId: 'app', redirectUri: CALLBACK, scope: 'openid', store, fetch: transport, ...options }) // biome-ignore format: one line
  const login = open()
  const url = await as.visit(await login.start({ returnTo: '/x' }))
  const active = () => Promise.all(came.map(as.isActive))
  return { as, url, login, open, active }
}

const lost: [string, Fault][] = [
  ['a connection that breaks', dropped],
  ['a server in trouble', answers(503, '')],
  ['a network that wants a login', answers(200, '<html>')],
]
describe.each(lost)('B20 after %s', (_, fault) => {
  it.each([false, true])('the same answer is good once more, also for another object (dpop: %s)', async (dpop) => {
    const { as, url, login, open } = await back({ dpop })
    as.faults['/token'] = [fault, fault]
    expect(await failure(login.complete(url))).toMatchObject({ code: 'token_unavailable', retryable: true })
    expect(await failure(open().complete(url))).toMatchObject({ code: 'token_unavailable', retryable: true })
    expect(await login.complete(url)).toEqual({ returnTo: '/x' })
    expect(await open().complete(url)).toEqual({ returnTo: '/x' })
    expect(as.posts('/token')).toHaveLength(3)
    expect(await as.isActive(textOf(await login.token(given())))).toBe(true)
  })
})

it('B20 a code that the server used without telling says so, and is not sent again', async () => {
  let lose = true
  const { as, url, login } = await back({
    async fetch(input, init) {
      const response = await fetch(input, init)
      if (!lose || !String(input).endsWith('/token')) return response
      lose = false
      throw new TypeError('lost')
    },
  })
  expect(await failure(login.complete(url))).toMatchObject({ retryable: true })
  expect(await failure(login.complete(url))).toMatchObject({ code: 'session_ended', error: 'invalid_grant', retryable: false }) // biome-ignore format: one line
  const sent = as.posts('/token').length
  expect(await failure(login.complete(url))).toMatchObject({ retryable: false })
  expect(as.posts('/token')).toHaveLength(sent)
  expect(await login.signedIn()).toBe(false)
})

it('B20 keys that cannot be had cost no sign-in: the tokens that came wait for them', async () => {
  const { as, url, login, active } = await back({ verifyIdToken: idTokenSignature() })
  as.faults['/jwks'] = [answers(503, ''), answers(302, '', { location: 'https://keys.example/' })]
  for (const status of [503, 302]) expect(await failure(login.complete(url))).toMatchObject({ retryable: true, status })
  expect(await login.complete(url)).toEqual({ returnTo: '/x' })
  expect(as.posts('/token')).toHaveLength(1)
  expect(await active()).toEqual([true, true])
})

it('the keys of the issuer are not fetched from where its endpoint redirects to', async () => {
  const asked: string[] = []
  const { as, url, open } = await back()
  const login = open()
  const { jwks_uri } = await (await fetch(`${as.issuer}/.well-known/openid-configuration`)).json()
  for (const status of [301, 302, 303, 307, 308]) {
    as.faults['/elsewhere'] = [() => asked.push('elsewhere')]
    as.faults[new URL(jwks_uri).pathname] = [answers(status, '', { location: `${as.issuer}/elsewhere` })]
    const check = idTokenSignature()('e30.e30.x'.replace('e30', btoa('{"alg":"RS256"}')), { issuer: as.issuer, jwks_uri }, fetch as never) // biome-ignore format: one line
    expect(await failure(check)).toMatchObject({ code: 'token_unavailable', status })
  }
  expect(asked).toEqual([])
  expect(await login.complete(url)).toEqual({ returnTo: '/x' })
})

it('a shared secret among the published keys signs no ID token', async () => {
  const k = Buffer.from('published').toString('base64url')
  const input = [{ alg: 'HS256' }, { sub: 'mallory' }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const mac = createHmac('sha256', 'published').update(input).digest('base64url')
  const keys = async () => Response.json({ keys: [{ kty: 'oct', k }] })
  const server = { issuer: 'https://login.example', jwks_uri: 'https://login.example/jwks' }
  expect(await idTokenSignature()(`${input}.${mac}`, server, keys)).toBe(false)
})

it.each([
  ['of another issuer', { iss: 'https://evil.example' }],
  ['in answer to another request', { nonce: 'other' }],
])('tokens that came with an ID token %s are revoked', async (_, claims) => {
  const { url, login, active } = await back({}, (body) => {
    const [head, payload = '', signature] = (body.id_token ?? '').split('.')
    const told = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const changed = Buffer.from(JSON.stringify({ ...told, ...claims })).toString('base64url')
    return { ...body, id_token: [head, changed, signature].join('.') }
  })
  expect(await failure(login.complete(url))).toMatchObject({ code: 'issuer_invalid', retryable: false })
  await vi.waitFor(async () => expect(await active()).toEqual([false, false]))
  expect(await failure(login.complete(url))).toMatchObject({ code: 'issuer_invalid' })
})

it('tokens that no store would keep are revoked, and nobody is signed in', async () => {
  const store = memoryStore()
  let down = false
  const { put } = store
  store.put = async (id, ...rest) => (down && !id.endsWith('sign-ins') ? Promise.reject(new TypeError('disk')) : put(id, ...rest)) // biome-ignore format: one line
  const { url, login, active } = await back({ store })
  down = true
  expect(await failure(login.complete(url))).toBeInstanceOf(TypeError)
  await vi.waitFor(async () => expect(await active()).toEqual([false, false]))
  down = false
  expect(await login.signedIn()).toBe(false)
})
