import { afterEach, describe, expect, it, vi } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { memoryStore } from '../../src/index.ts'
import { authorizationCode } from '../../src/oauth/oauth.ts'
import { readQuota } from '../../src/throttle/header-fields.ts'
import { readQuotaAtSight } from '../../src/throttle/quota-at-sight.ts'
import { failure, given, textOf } from '../oauth/token.ts'
import { CALLBACK, openIdProvider } from '../servers/openid.ts'
import { serve } from '../servers/raw.ts'
import { fixtures, NOW } from '../throttle/fixtures.ts'

// A page that was open while its site was published anew finds no part it has not loaded yet.

afterEach(() => void vi.restoreAllMocks())

function without(part: string): void {
  vi.resetModules()
  vi.doMock(part, () => {
    throw new Error('gone')
  })
}

it('a redirect that cannot be followed is refused, and says why', async () => {
  without('../../src/http/next-hop.ts')
  const { createFetch } = await import('../../src/fetch.ts')
  const origin = await serve(() => ({ status: 302, headers: { location: '/b' } }))
  const error = await createFetch({ baseUrl: origin })('/a').catch((error) => error)
  expect(error).toMatchObject({ code: 'redirect_refused', message: expect.stringMatching(/could not be loaded/) })
})

it('T9 a quota that cannot be read holds nothing up, and a refusal still closes the gate', async () => {
  without('../../src/throttle/header-fields.ts')
  const { createScopes } = await import('../../src/throttle/scopes.ts')
  const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-limit': '10', 'retry-after': '1' }
  let count = 0
  const origin = await serve(() => ({ status: count++ === 1 ? 429 : 200, headers }))
  const fetch = createFetch({ baseUrl: origin, limiter: createScopes({}) })
  expect((await fetch('/a')).status).toBe(200)
  const began = performance.now()
  expect((await fetch('/a')).status).toBe(200)
  expect(performance.now() - began).toBeGreaterThanOrEqual(1000)
  expect(count).toBe(3)
})

describe('a login', () => {
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

const counters = ['ratelimit-', 'x-ratelimit-', 'x-rate-limit-'].flatMap((prefix) =>
  ['limit', 'remaining', 'reset'].map((name) => ({ [prefix + name]: '10' })),
)
const problem = { 'content-type': 'application/problem+json' }
it.each([{ ratelimit: '"a";r=5' }, { 'ratelimit-policy': '"a";q=5;w=1' }, ...counters, problem])(
  'T9 one field that says something of a quota is seen: %o',
  async (headers) => {
    vi.doUnmock('../../src/throttle/header-fields.ts')
    const given = [new Headers(headers), 429, NOW, async () => '{"violated-policies":["a"]}'] as const
    const seen = await readQuotaAtSight(...given)
    expect(seen).toEqual(await readQuota(...given))
    expect(seen).toHaveLength(1)
  },
)

it('T9 whatever says something of a quota is seen', async () => {
  vi.doUnmock('../../src/throttle/header-fields.ts')
  for (const { family, status = 200, headers, body = '' } of fixtures) {
    const given = [new Headers(headers), status, NOW, async () => body] as const
    const seen = await readQuotaAtSight(...given)
    if (family === 'core') expect(seen).toEqual(await readQuota(...given))
  }
})
