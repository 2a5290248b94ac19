import { expect, it } from 'vitest'
import { apiKey, createClient, isHTTPError, RateLimitError } from '../../src/index.ts'
import {
  type BucketLimiterOptions,
  type Buckets,
  bucketLimiter,
  discordBuckets,
  githubBuckets,
  xBuckets,
} from '../../src/throttle/families/families.ts'
import { api, type Reply, type Script, type Seen } from '../servers/api.ts'

// Servers that keep a quota for each bucket, as GitHub, Discord and X do.

/** So many per window in each bucket; a window begins with the first call after the last one. */
function counted(limit: number, length: number) {
  const windows = new Map<string, { ends: number; used: number }>()
  return (bucket: string) => {
    const now = performance.now()
    let window = windows.get(bucket)
    if (!window || now >= window.ends) {
      window = { ends: now + length, used: 0 }
      windows.set(bucket, window)
    }
    const ok = ++window.used <= limit
    return { ok, limit, remaining: Math.max(0, limit - window.used), resetAfter: window.ends - now }
  }
}

/** `search` has few requests, everything else many; a refusal is a 403 without a time but the reset. */
function githubServer(searches: number, length: number): Script {
  const search = counted(searches, length)
  const core = counted(5000, 3_600_000)
  return ({ url }) => {
    const resource = url.startsWith('/search') ? 'search' : 'core'
    const { ok, limit, remaining, resetAfter } = (resource === 'search' ? search : core)(resource)
    return {
      status: ok ? 200 : 403,
      headers: {
        'x-github-request-id': 'A:1',
        'x-ratelimit-limit': `${limit}`,
        'x-ratelimit-remaining': `${remaining}`,
        'x-ratelimit-reset': `${Math.ceil((Date.now() + resetAfter) / 1000)}`,
        'x-ratelimit-resource': resource,
      },
    }
  }
}

/** Five per channel and two seconds. */
function discordServer(length: number): Script {
  const messages = counted(5, length)
  return ({ url }) => {
    const channel = /channels\/(\d+)/.exec(url)?.[1] ?? ''
    const { ok, limit, remaining, resetAfter } = messages(channel)
    const seconds = (resetAfter / 1000).toFixed(3)
    return {
      status: ok ? 200 : 429,
      headers: {
        'x-ratelimit-bucket': 'abcd1234',
        'x-ratelimit-limit': `${limit}`,
        'x-ratelimit-remaining': `${remaining}`,
        'x-ratelimit-reset-after': seconds,
        ...(!ok && { 'x-ratelimit-scope': 'user', 'retry-after': seconds }),
      },
    }
  }
}

/** Each endpoint for itself. */
function xServer(limit: number, length: number): Script {
  const endpoint = counted(limit, length)
  return ({ method, url }) => {
    const { ok, remaining, resetAfter } = endpoint(`${method} ${url.replace(/\/\d+/g, '/:id')}`)
    return {
      status: ok ? 200 : 429,
      headers: {
        'x-rate-limit-limit': `${limit}`,
        'x-rate-limit-remaining': `${remaining}`,
        'x-rate-limit-reset': `${Math.ceil((Date.now() + resetAfter) / 1000)}`,
      },
    }
  }
}

async function clientOf(buckets: Buckets, script: Script, more: Partial<BucketLimiterOptions> = {}) {
  const server = await api(script)
  const auth = apiKey({ name: 'X-Key', value: 'key' })
  const client = createClient({ baseUrl: server.url, auth, limiter: bucketLimiter({ buckets, ...more }) })
  const status = (path: string) => client.get(path).then(({ status }) => status)
  return { ...server, client, status }
}

const at = (path: string) => (seen: readonly Seen[]) => seen.filter(({ url }) => url.startsWith(path))

it('T6 GitHub: a search that is used up waits for its reset, and nothing else does', async () => {
  const { seen, status, client } = await clientOf(githubBuckets, githubServer(3, 1500))
  await status('search/issues')
  await status('user')
  const searches = Promise.all(Array.from({ length: 6 }, () => status('search/issues')))
  // Used up by now, for this time and the next.
  while (at('/search')(seen).length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  const others = Promise.all(['user', 'repos/a/b/issues', 'repos/c/d/issues', 'user'].map(status))
  expect(await others).toEqual(Array(4).fill(200))
  expect(at('/search')(seen)).toHaveLength(3)
  expect(await searches).toEqual(Array(6).fill(200))
  // Seven of three a window, each refused before it was asked: nothing came early.
  expect(at('/search')(seen)).toHaveLength(7)
  expect(client.limits().map(({ policy }) => policy)).toEqual(expect.arrayContaining(['core', 'search']))
})

it('T4 GitHub: what is held back says which bucket is used up, and the others go on', async () => {
  const { seen, status } = await clientOf(githubBuckets, githubServer(2, 3_600_000))
  await Promise.all([status('search/issues'), status('search/issues')])
  const error = await status('search/issues').catch((error: unknown) => error)
  expect(error).toBeInstanceOf(RateLimitError)
  expect(error).toMatchObject({ policy: 'search', scope: expect.stringMatching(/ search$/) })
  expect(await status('user')).toBe(200)
  expect(seen).toHaveLength(3)
})

it('T6 GitHub: a bucket that is used up before it is known costs one refusal for each new route', async () => {
  const { seen, status } = await clientOf(githubBuckets, githubServer(1, 3_600_000))
  await status('search/issues')
  const outcomes = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      status(i % 2 ? 'search/code' : 'search/users').catch((error: unknown) => error as Error),
    ),
  )
  const asked = outcomes.filter((error) => isHTTPError(error))
  expect(asked).toHaveLength(2)
  expect(outcomes.filter((error) => error instanceof RateLimitError)).toHaveLength(28)
  expect(seen).toHaveLength(3)
})

it('T6 GitHub: a dozen refusals of calls that left together are one refusal', async () => {
  let refuse = true
  const { seen, status, client } = await clientOf(githubBuckets, async ({ url }) => {
    // Held until all are here.
    if (refuse) while (seen.length < 12) await new Promise((resolve) => setTimeout(resolve, 5))
    const headers = { 'x-ratelimit-resource': 'core', 'x-ratelimit-limit': '9', 'x-ratelimit-remaining': '0' }
    return refuse ? { status: 429, headers: { ...headers, 'retry-after': '1' } } : { body: url }
  })
  const all = Promise.all(Array.from({ length: 12 }, () => status('user')))
  while (!client.limits().some(({ policy }) => policy === 'core'))
    await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 200))
  refuse = false
  // A dozen refusals one after the other would close it for up to a minute.
  const [closed] = client.limits().filter(({ policy }) => policy === 'core')
  expect(closed!.retryAt! - Date.now()).toBeLessThan(2000)
  expect(await all).toEqual(Array(12).fill(200))
})

it('T6 GitHub: a secondary limit means all buckets', async () => {
  const core = githubServer(30, 60_000)
  let refuse = true
  const { seen, status } = await clientOf(githubBuckets, async (request, index, response) => {
    const reply = (await core(request, index, response)) as Reply
    if (!refuse || request.url === '/user') return reply
    refuse = false
    return { ...reply, status: 403, headers: { ...reply.headers, 'retry-after': '1' } }
  })
  await status('user')
  const search = status('search/issues')
  while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 300))
  await Promise.all([search, status('user'), status('repos/a/b')])
  expect(seen).toHaveLength(5)
  for (const { at } of seen.slice(2)) expect(at - seen[1]!.at).toBeGreaterThanOrEqual(1000)
})

it('T6 Discord: each channel has its own share of a bucket, whose name is learned once for all of them', async () => {
  const { seen, status } = await clientOf(discordBuckets, discordServer(1500))
  await status('api/v10/channels/1/messages')
  const first = Promise.all(Array.from({ length: 6 }, () => status('api/v10/channels/1/messages')))
  while (seen.length < 5) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(await Promise.all(Array.from({ length: 5 }, () => status('api/v10/channels/2/messages')))).toEqual(
    Array(5).fill(200),
  )
  expect(at('/api/v10/channels/2')(seen)).toHaveLength(5)
  expect(await first).toEqual(Array(6).fill(200))
  expect(at('/api/v10/channels/1')(seen)).toHaveLength(7)
})

it('T6 Discord: a global refusal means all', async () => {
  const route = discordServer(60_000)
  const { seen, status } = await clientOf(discordBuckets, (request, index, response) =>
    index === 1
      ? { status: 429, headers: { 'x-ratelimit-global': 'true', 'x-ratelimit-scope': 'global', 'retry-after': '1' } }
      : route(request, index, response),
  )
  await status('channels/1/messages')
  const refused = status('channels/1/messages')
  while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 300))
  await Promise.all([refused, status('channels/2/messages'), status('users/3')])
  for (const { at } of seen.slice(2)) expect(at - seen[1]!.at).toBeGreaterThanOrEqual(1000)
})

it('T6 X: each endpoint has a quota of its own, whatever ids are in its path', async () => {
  const { seen, status } = await clientOf(xBuckets, xServer(2, 3_600_000))
  expect(await Promise.all([status('2/users/11/tweets'), status('2/users/12/tweets')])).toEqual([200, 200])
  await expect(status('2/users/13/tweets')).rejects.toBeInstanceOf(RateLimitError)
  expect(await status('2/tweets/14')).toBe(200)
  expect(await status('2/users/by/username/jack')).toBe(200)
  expect(seen).toHaveLength(4)
  expect(xBuckets.route({ method: 'GET', url: 'https://a/2/users/by/username/jack' }).pattern).toBe(
    'GET /*/users/by/username/*',
  )
})

it('what names no bucket means all, and declared limits hold for all buckets together', async () => {
  const bare = await clientOf(githubBuckets, (_, index) =>
    index === 1 ? { status: 429, headers: { 'retry-after': '1' } } : {},
  )
  await bare.status('user')
  const refused = bare.status('search/issues')
  while (bare.seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 300))
  await Promise.all([refused, bare.status('user')])
  for (const { at } of bare.seen.slice(2)) expect(at - bare.seen[1]!.at).toBeGreaterThanOrEqual(1000)

  let [now, most] = [0, 0]
  const limits = [{ concurrent: 2 }]
  const declared = await clientOf(
    xBuckets,
    async () => {
      most = Math.max(most, ++now)
      await new Promise((resolve) => setTimeout(resolve, 5))
      now--
      return {}
    },
    { limits },
  )
  await Promise.all(Array.from({ length: 20 }, (_, i) => declared.status('abcdefghijklmnopqrst'[i]!)))
  expect(most).toBe(2)
  const { policy, limit } = declared.client.limits()[0]!
  expect([policy, limit]).toEqual(['declared', 2])
})

it('T4 what a call waited for its bucket is taken off what it waits for all', async () => {
  const { seen, client, status } = await clientOf(githubBuckets, (_, index) => {
    if (index === 0)
      return { headers: { 'x-ratelimit-resource': 'core', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1' } }
    if (index === 1) return { status: 429, headers: { 'retry-after': '3' } }
    return { headers: { 'x-ratelimit-resource': 'core', 'x-ratelimit-remaining': '9' } }
  })
  await status('user')
  const waiting = client.get('user', { maxWait: 2600 }).catch((error: unknown) => error)
  await new Promise((resolve) => setTimeout(resolve, 100))
  await client.get('gists', { maxWait: 0, retry: 0, throwHttpErrors: false })
  expect(await waiting).toBeInstanceOf(RateLimitError)
  expect(seen).toHaveLength(2)
})

it('T11 an abort reaches a call wherever it waits, and an error of the transport comes through', async () => {
  const { status, client, seen } = await clientOf(githubBuckets, githubServer(1, 30_000))
  await status('search/issues')
  const control = new AbortController()
  const waiting = client.get('search/issues', { signal: control.signal }).catch((error: unknown) => error)
  control.abort(new Error('mine'))
  expect(await waiting).toMatchObject({ message: 'mine' })
  const failing = createClient({
    baseUrl: 'http://127.0.0.1:9/',
    retry: 0,
    fetch: () => Promise.reject(new TypeError('fetch failed')),
    limiter: bucketLimiter({ buckets: githubBuckets }),
  })
  await expect(failing.get('user')).rejects.toMatchObject({ name: 'NetworkError' })
  expect(failing.limits()).toEqual([])
  expect(seen).toHaveLength(1)
})

it('buckets of the user that fail cost no answer, and what are none are refused at creation', async () => {
  const failing = () => {
    throw new Error('no such field')
  }
  for (const broken of [{ route: failing }, { named: failing }, { everything: failing }, { quota: failing }]) {
    const { seen, status } = await clientOf({ ...githubBuckets, ...broken }, githubServer(9, 60_000))
    expect(await Promise.all(['user', 'search/issues', 'user'].map(status))).toEqual([200, 200, 200])
    expect(seen).toHaveLength(3)
  }
  for (const buckets of [undefined, {}, 'github'])
    expect(() => bucketLimiter({ buckets } as never)).toThrowError(expect.objectContaining({ code: 'invalid_option' }))
})
