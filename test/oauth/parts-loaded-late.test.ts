import { afterEach, describe, expect, it, vi } from 'vitest'
import { memoryStore } from '../../src/index.ts'
import { authorizationCode } from '../../src/oauth/oauth.ts'
import { CALLBACK, openIdProvider } from '../servers/openid.ts'
import { failure, given, textOf } from './token.ts'

afterEach(() => void vi.restoreAllMocks())

function without(part: string): void {
  vi.resetModules()
  vi.doMock(part, () => {
    throw new Error('gone')
  })
}

describe('a login without a part that it has not loaded yet', () => {
  const options = (issuer: string) =>
    ({ issuer, clientId: 'app', redirectUri: CALLBACK, scope: 'openid', store: memoryStore(), dpop: true }) as const

  it('says so, and is good later', async () => {
    const as = await openIdProvider()
    const part = '../../src/oauth/authorization.ts'
    without(part)
    const { authorizationCode } = await import('../../src/oauth/oauth.ts')
    const login = authorizationCode(options(as.issuer))
    const error = await failure(login.start())
    expect(error).toMatchObject({ code: 'token_unavailable', retryable: true, message: expect.stringMatching(/could not be loaded/) }) // biome-ignore format: one line
    vi.doUnmock(part)
    await login.complete(await as.visit(await login.start()))
    expect(await login.signedIn()).toBe(true)
  })

  it('spends no refresh token without the key that goes with it', async () => {
    const as = await openIdProvider()
    const given_ = options(as.issuer)
    const before = authorizationCode(given_)
    await before.complete(await as.visit(await before.start()))
    const old = await before.token(given())
    const part = '../../src/oauth/proof-key.ts'
    without(part)
    const later = (await import('../../src/oauth/oauth.ts')).authorizationCode(given_)
    expect(await failure(later.renew?.(old, [], given()) as Promise<boolean>)).toMatchObject({ code: 'token_unavailable' }) // biome-ignore format: one line
    expect(as.posts('/token')).toHaveLength(1)
    const entry = await given_.store.get(`oauth ${JSON.stringify([as.issuer, 'app', 'authorization_code', undefined])}`)
    expect(new TextDecoder().decode(entry?.value)).not.toMatch(/intent|unanswered/)
    vi.doUnmock(part)
    vi.resetModules()
    const again = (await import('../../src/oauth/oauth.ts')).authorizationCode(given_)
    expect(await again.renew?.(old, [], given())).toBe(true)
    expect(textOf(await again.token(given()))).not.toBe(textOf(old))
  })
})
