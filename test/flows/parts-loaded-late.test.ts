import { expect, it, vi } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { readQuota } from '../../src/throttle/header-fields.ts'
import { readQuotaAtSight } from '../../src/throttle/quota-at-sight.ts'
import { serve } from '../servers/raw.ts'
import { fixtures, NOW } from '../throttle/fixtures.ts'

// A page that was open while its site was published anew finds no part it has not loaded yet.

let gone: string | undefined

function without(part: string): void {
  vi.resetModules()
  if (gone) vi.doUnmock(gone)
  gone = part
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

it('10 a refusal that asks for another signature stands where what heeds it is gone', async () => {
  without('../../src/message-signatures/wishes.ts')
  const { createFetch } = await import('../../src/fetch.ts')
  const { messageSignature } = await import('../../src/message-signatures/message-signature.ts')
  let count = 0
  const origin = await serve(() => {
    count++
    return { status: 401, headers: { 'accept-signature': 'sig=("@method");nonce="n"' } }
  })
  const auth = messageSignature({ key: 'a shared secret', algorithm: 'hmac-sha256' })
  const fetch = createFetch({ baseUrl: origin, auth })
  for (const path of ['/a', '/b']) expect((await fetch(path)).status).toBe(401)
  expect(count).toBe(2)
})

it('7 what cannot be written is not sent, and the error says why', async () => {
  without('../../src/hmac/parameters.ts')
  const { createFetch } = await import('../../src/fetch.ts')
  const { hmac } = await import('../../src/hmac/hmac.ts')
  let count = 0
  const origin = await serve(() => {
    count++
    return { status: 200 }
  })
  const auth = hmac({
    secret: 'secret',
    hash: 'sha256',
    encoding: 'hex',
    message: ({ target }) => target,
    place: ({ signature }) => ({ query: { signature } }),
  })
  const error = await createFetch({ baseUrl: origin, auth })('/a').catch((error) => error)
  expect(error).toMatchObject({ code: 'credential_unavailable', message: expect.stringMatching(/could not be loaded/) })
  expect(count).toBe(0)
})

it('5 a clock heals by the date of the refusal where what reads its text is gone', async () => {
  without('../../src/aws/server-time.ts')
  const { createFetch } = await import('../../src/fetch.ts')
  const { sigv4 } = await import('../../src/aws/sigv4.ts')
  const stamps: string[] = []
  const ahead = new Date(Date.now() + 3_600_000)
  const origin = await serve(({ headers }) => {
    stamps.push(String(headers['x-amz-date']))
    return { status: stamps.length === 1 ? 403 : 200, headers: { date: ahead.toUTCString() } }
  })
  const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' }
  const auth = sigv4({ service: 'execute-api', region: 'eu-central-1', credentials })
  expect((await createFetch({ baseUrl: origin, auth })('/a')).status).toBe(200)
  expect(stamps).toHaveLength(2)
  expect(stamps[1]?.slice(0, 11)).toBe(ahead.toISOString().replace(/[-:]/g, '').slice(0, 11))
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
