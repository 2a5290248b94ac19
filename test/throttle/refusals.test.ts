// A refusal that says when in fields of its API only.
import { expect, it } from 'vitest'
import { apiKey, createClient, HTTPError, rateLimitOf } from '../../src/index.ts'
import { families } from '../../src/throttle/families/families.ts'
import { api, type Reply } from '../servers/api.ts'

const auth = () => apiKey({ name: 'X-Key', value: 'key' })
const inSeconds = (wait: number) => `${Math.ceil(Date.now() / 1000 + wait)}`

/** What came over the wire, and how long the refused request waited. */
async function refusedOnce(refusal: () => Reply, quota?: typeof families) {
  const { url, seen } = await api((_, index) => (index ? {} : refusal()))
  const client = createClient({ baseUrl: url, auth: auth(), ...(quota && { quota }) })
  const { status } = await client.get('')
  return { status, attempts: seen.length, waited: (seen[1]?.at ?? 0) - (seen[0]?.at ?? 0) }
}

const github = (wait: number): Reply => ({
  status: 403,
  headers: {
    'x-github-request-id': 'A:1',
    'x-ratelimit-limit': '60',
    'x-ratelimit-remaining': '0',
    'x-ratelimit-resource': 'core',
    'x-ratelimit-reset': inSeconds(wait),
  },
})
const waits: [string, () => Reply, number][] = [
  ["GitHub's 403 with nothing remaining", () => github(1), 900],
  [
    'a 429 with X-RateLimit-Reset and no Retry-After',
    () => ({ status: 429, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1' } }),
    1000,
  ],
  [
    'a 429 with X-RateLimit-Reset and no word of what remains',
    () => ({ status: 429, headers: { 'x-ratelimit-reset': '1' } }),
    1000,
  ],
  ['a 429 with RateLimit fields', () => ({ status: 429, headers: { ratelimit: '"a";r=0;t=1, "b";r=9;t=30' } }), 1000],
  ['the longest of what is used up', () => ({ status: 429, headers: { ratelimit: '"a";r=0;t=1, "b";r=0;t=2' } }), 2000],
]
for (const [name, quota] of [
  ['what every client reads', undefined],
  ['families', families],
] as const)
  it.each(waits)(`T3 T17 with ${name}: %s is a limit, and its reset is the wait`, async (_, refusal, least) => {
    const { status, attempts, waited } = await refusedOnce(refusal, quota)
    expect({ status, attempts }).toEqual({ status: 200, attempts: 2 })
    expect(waited).toBeGreaterThanOrEqual(least)
    expect(waited).toBeLessThan(least + 3000)
  })

it('T3 Retry-After goes before a reset', async () => {
  const headers = { 'retry-after': '1', 'x-ratelimit-reset': '300' }
  const { waited } = await refusedOnce(() => ({ status: 429, headers }))
  expect(waited).toBeGreaterThanOrEqual(1000)
  expect(waited).toBeLessThan(5000)
})

it('T4 T17 a reset later than maxWait is handed up at once, and holds the next call back', async () => {
  for (const quota of [undefined, families]) {
    const { url, seen } = await api(() => github(600))
    const client = createClient({ baseUrl: url, auth: auth(), ...(quota && { quota }) })
    const error = await client.get('').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(HTTPError)
    expect(rateLimitOf(error)).toMatchObject({ sent: true, status: 403 })
    expect(rateLimitOf(error)?.retryAfter).toBeGreaterThan(590_000)
    const next = await client.get('').catch((reason: unknown) => reason)
    expect(rateLimitOf(next)).toMatchObject({ sent: false, status: 403 })
    expect(seen).toHaveLength(1)
  }
})

it('T17 a 403 with something remaining is no limit', async () => {
  const { url, seen } = await api(() => ({
    status: 403,
    headers: { ...github(9).headers, 'x-ratelimit-remaining': '5' },
  }))
  const client = createClient({ baseUrl: url, auth: auth(), quota: families })
  await expect(client.get('')).rejects.toBeInstanceOf(HTTPError)
  expect(seen).toHaveLength(1)
})

it("T17 GitHub's secondary limit, a 403 that says so in its content only, is waited for", async () => {
  const body = JSON.stringify({ message: 'You have exceeded a secondary rate limit. Please wait a few minutes.' })
  const { url, seen } = await api(() => ({
    status: 403,
    headers: { ...github(9).headers, 'x-ratelimit-remaining': '50', 'content-type': 'application/json' },
    body,
  }))
  const client = createClient({ baseUrl: url, auth: auth(), quota: families })
  await expect(client.get('', { maxWait: 1000 })).rejects.toBeInstanceOf(HTTPError)
  const next = await client.get('', { maxWait: 1000 }).catch((reason: unknown) => reason)
  expect(rateLimitOf(next)).toMatchObject({ sent: false, policy: 'secondary' })
  expect(seen).toHaveLength(1)
})
