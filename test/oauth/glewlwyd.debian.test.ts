// Nobody's own server may be the only judge: the grants, at an implementation in C.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { memoryStore } from '../../src/index.ts'
import { authorizationCode, clientCredentials, deviceCode, idTokenSignature } from '../../src/oauth/oauth.ts'
import { claimsOf } from '../../src/oauth/record.ts'
import { type Glewlwyd, startGlewlwyd } from '../servers/glewlwyd.ts'
import { given, textOf } from './token.ts'

let as: Glewlwyd
beforeAll(async () => {
  as = await startGlewlwyd()
})
afterAll(() => as?.close())

const web = () => ({
  issuer: as.issuer,
  clientId: 'web',
  clientSecret: 'secret',
  redirectUri: 'http://127.0.0.1/cb',
  store: memoryStore(),
})

it('client credentials', async () => {
  const token = await clientCredentials({ ...web(), scope: 'orders' }).token(given())
  expect(claimsOf(textOf(token))).toMatchObject({ iss: as.issuer, client_id: 'web', scope: 'orders' })
})

it.each([
  { name: 'code with PKCE', options: {} },
  { name: 'code with PKCE, pushed ahead', options: { pushed: true } },
  { name: 'code with PKCE and DPoP', options: { dpop: true } },
])('$name, the ID token with its signature, a renewal, and the end', async ({ options }) => {
  const login = authorizationCode({ ...web(), scope: 'openid orders', verifyIdToken: idTokenSignature(), ...options })
  const back = await as.visit(await login.start({ returnTo: '/x' }))
  expect(back).toContain('http://127.0.0.1/cb?')
  expect(await login.complete(back)).toEqual({ returnTo: '/x' })
  const claims = await login.claims()
  expect(claims).toMatchObject({ iss: as.issuer, aud: 'web' })
  const first = await login.token(given())
  expect(claimsOf(textOf(first))).toMatchObject({ sub: claims?.sub, client_id: 'web' })
  expect('cnf' in (claimsOf(textOf(first)) ?? {})).toBe('dpop' in options)
  expect(await login.renew?.(first, [], given())).toBe(true)
  expect(textOf(await login.token(given()))).not.toBe(textOf(first))
  expect((await login.signOut()).revoked).toBe(true)
  expect(await login.signedIn()).toBe(false)
})

it('a code that was tampered with signs nobody in', async () => {
  const login = authorizationCode({ ...web(), scope: 'openid orders' })
  const back = new URL(await as.visit(await login.start()))
  back.searchParams.set('code', 'another')
  await expect(login.complete(back)).rejects.toMatchObject({ name: 'OAuthError', status: 403 })
})

it('device code', async () => {
  const login = deviceCode({
    issuer: as.issuer,
    clientId: 'app',
    scope: 'orders',
    prompt: async ({ userCode, verificationUri }) => void (await as.visit(`${verificationUri}?code=${userCode}`)),
  })
  await login.signIn()
  expect(claimsOf(textOf(await login.token(given())))).toMatchObject({ client_id: 'app', scope: 'orders' })
})
