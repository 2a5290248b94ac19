import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { apiKey, createClient } from '../../src/index.ts'
import { createDeclared } from '../../src/throttle/declared.ts'
import { createQueue } from '../../src/throttle/queue.ts'
import { redisLimiter } from '../../src/throttle/redis/redis.ts'
import { load, save } from '../../src/throttle/redis/saved.ts'
import { createScope, land } from '../../src/throttle/scope.ts'
import { api, limited, type Script } from '../servers/api.ts'
import { type RedisServer, redisServer } from '../servers/redis.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await redisServer(['--appendonly', 'no'])
})
beforeEach(async () => {
  await (await redis.client()).flushAll()
})
afterAll(() => redis.close())

/** So many per window; a window begins with the first call after the last one. */
function window(limit: number, length: number): Script {
  let [ends, used] = [0, 0]
  return () => {
    const now = performance.now()
    if (now >= ends) [ends, used] = [now + length, 0]
    const ok = ++used <= limit
    const headers = {
      'x-ratelimit-limit': `${limit}`,
      'x-ratelimit-remaining': `${Math.max(0, limit - used)}`,
      'x-ratelimit-reset-after': ((ends - now) / 1000).toFixed(3),
    }
    return { status: ok ? 200 : 429, headers }
  }
}

async function member(origin: string, calls: number, timeout = 10_000, concurrent = 0): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('fleet.program.ts', import.meta.url))
  const child = fork(program, [origin, redis.url, `${calls}`, `${timeout}`, `${concurrent}`])
  await once(child, 'message')
  return child
}

async function outcomes(members: readonly ChildProcess[]): Promise<{ refused: number; outcomes: string[] }[]> {
  const all = members.map((child) => once(child, 'message').then(([told]) => told))
  for (const child of members) child.send('go')
  return Promise.all(all)
}

/** A client as another process would have it: with a limiter of its own. */
async function other(baseUrl: string, more: Partial<Parameters<typeof redisLimiter>[0]> = {}) {
  const client = await redis.client()
  const limiter = redisLimiter({ client, identity: 'fleet', timeout: 300, ...more })
  return createClient({ baseUrl, auth: apiKey({ name: 'X-Key', value: 'key' }), limiter })
}

it('T8 four processes on one key share its quota: everything comes through, and hardly anything is refused', async () => {
  const { url, seen } = await api(window(50, 1000))
  const members = await Promise.all(Array.from({ length: 4 }, () => member(url, 50)))
  const told = await outcomes(members)
  expect(told.flatMap(({ outcomes }) => outcomes)).toEqual(Array(200).fill('ok'))
  expect(told.reduce((sum, { refused }) => sum + refused, 0)).toBeLessThanOrEqual(10)
  expect(seen.length).toBeLessThanOrEqual(210)
})

it('T6 what one process is refused holds the others back, and one of all probes first', async () => {
  const { url, seen } = await api((_, index) => (index ? {} : limited('1')))
  const [one, two] = [await other(url), await other(url)]
  const first = one.get('')
  while (!seen.length) await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 300))
  const rest = Array.from({ length: 6 }, (_, i) => (i % 2 ? one : two).get(''))
  await Promise.all([first, ...rest])
  const [refusal = 0, probe = 0, next = 0] = seen.map(({ at }) => at)
  expect(probe - refusal).toBeGreaterThanOrEqual(1000)
  expect(next).toBeGreaterThan(probe)
  expect(seen).toHaveLength(8)
})

it('T6 a burst is measured from its own first call, also where all of it leaves in one step', async () => {
  let allowed = 4
  const { url } = await api(() => ({ status: allowed-- > 0 ? 200 : 429 }))
  const client = await other(url)
  const burst = (calls: number) => Promise.all(Array.from({ length: calls }, () => client.get('')))
  await burst(4)
  await new Promise((resolve) => setTimeout(resolve, 2500))
  allowed = 8
  const all = burst(12)
  while (allowed >= 0) await new Promise((resolve) => setTimeout(resolve, 5))
  allowed = 1000
  await all
  const [learned] = client.limits().filter(({ policy }) => policy === 'learned')
  expect(learned?.window).toBeGreaterThan(300)
  expect(learned?.window).toBeLessThan(2500)
})

it('T6 only calls with the same identity and origin are held back', async () => {
  const { url, seen } = await api((_, index) => (index ? {} : limited('30')))
  const one = await other(url)
  const held = one.get('', { maxWait: 0 }).catch((error: Error) => error.name)
  expect(await held).toBe('HTTPError')
  expect(await (await other(url)).get('', { maxWait: 0 }).catch((error: Error) => error.name)).toBe('RateLimitError')
  expect(seen).toHaveLength(1)
  expect((await (await other(url, { identity: 'another' })).get('')).status).toBe(200)
  expect((await (await other(url, { secret: 'of the fleet' })).get('')).status).toBe(200)
})

it('what is in Redis names neither origin nor identity, nor any secret', async () => {
  const { url } = await api(window(5, 1000))
  const client = await other(url, { identity: 'billing-7', secret: 'pepper-9' })
  await client.get('path-of-mine?q=query-of-mine')
  const reader = await redis.client()
  const keys = await reader.keys('*')
  expect(keys).toHaveLength(1)
  const all = JSON.stringify([keys, await reader.hGetAll(keys[0] as string)])
  expect(all).toMatch(/"latchkey:limits:[\w-]{43}"/)
  for (const word of ['billing', 'pepper', '127.0.0.1', 'X-Key', '"key"', 'of-mine']) expect(all).not.toContain(word)
  expect(await reader.pTTL(keys[0] as string)).toBeGreaterThan(3_000_000)
})

it('while Redis is away each process goes on alone, and together again when it is back', async () => {
  const { url } = await api(window(1000, 1000))
  const heard: boolean[] = []
  const onAway = (away: boolean) => {
    heard.push(away)
    throw new Error('of the listener')
  }
  const client = await other(url, { onAway })
  expect((await client.get('')).status).toBe(200)
  await redis.stop()
  const all = await Promise.all(Array.from({ length: 40 }, () => client.get('').then(({ status }) => status)))
  expect(all).toEqual(Array(40).fill(200))
  expect(heard).toEqual([true])
  expect((await client.get('')).status).toBe(200)
  await redis.start()
  while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
  expect((await client.get('')).status).toBe(200)
  expect(await (await redis.client()).keys('*')).toHaveLength(1)
  expect(heard).toEqual([true, false])
})

it('a Redis that hangs, refuses or talks nonsense costs a bounded time and no error', async () => {
  const { url } = await api(window(1000, 1000))
  const clients = [
    { eval: () => new Promise(() => {}) },
    { eval: () => Promise.reject(new Error('NOPERM this user has no permissions')) },
    { eval: () => Promise.resolve('OK') },
    { eval: () => Promise.resolve(['1', '2', '{"gate":1}']) },
    { eval: () => Promise.resolve(['1', '2', 'no JSON']) },
    {
      eval: () => {
        throw new Error('closed')
      },
    },
  ]
  for (const client of clients) {
    const one = await other(url, { client, timeout: 100 })
    const statuses = await Promise.all(Array.from({ length: 20 }, () => one.get('').then(({ status }) => status)))
    expect(statuses).toEqual(Array(20).fill(200))
  }
})

it('T11 a call that is aborted while it waits gives its place back', async () => {
  const { url, seen } = await api((_, index) => (index ? {} : limited('1')))
  const client = await other(url)
  const first = client.get('')
  while (!seen.length) await new Promise((resolve) => setTimeout(resolve, 5))
  const controller = new AbortController()
  const aborted = client.get('', { signal: controller.signal }).catch((error: unknown) => error)
  const last = client.get('')
  await new Promise((resolve) => setTimeout(resolve, 100))
  controller.abort(new Error('mine'))
  expect(await aborted).toMatchObject({ message: 'mine' })
  expect((await first).status).toBe(200)
  expect((await last).status).toBe(200)
  expect(seen).toHaveLength(3)
})

it('a process that dies with calls in flight holds the others up no longer than their timeout', async () => {
  let hang = true
  const { url, seen } = await api(async () => {
    if (hang) await new Promise(() => {})
    return {}
  })
  const child = await member(url, 16, 1500)
  child.send('go')
  while (seen.length < 16) await new Promise((resolve) => setTimeout(resolve, 10))
  child.kill('SIGKILL')
  hang = false
  const client = await other(url)
  expect((await client.get('', { maxWait: 30_000 })).status).toBe(200)
})

it('two sets of credentials under one identity are refused, before anything is sent', async () => {
  const { url, seen } = await api()
  const client = await other(url)
  await client.get('')
  const second = client.extend({ auth: apiKey({ name: 'X-Key', value: 'of somebody else' }) })
  await expect(second.get('')).rejects.toMatchObject({ code: 'invalid_option' })
  const named = client.extend({ auth: apiKey({ name: 'X-Key', value: 'of somebody else', identity: 'else' }) })
  expect((await named.get('')).status).toBe(200)
  expect(seen).toHaveLength(2)
  for (const wrong of [{ client: {} }, { identity: '' }, { timeout: 0 }])
    await expect(other(url, wrong as never)).rejects.toMatchObject({ code: 'invalid_option' })
})

it('T11 the calls of a process that died count for some beats only, those of one that lives as long as they take', async () => {
  const { url, seen } = await api(async (_, index) => {
    // The first one hangs until its process is gone, the second takes longer than the dead count.
    await new Promise((resolve) => setTimeout(resolve, index === 0 ? 60_000 : index === 1 ? 6000 : 0))
    return {}
  })
  const more = { limits: [{ concurrent: 1 }] } as const
  const child = await member(url, 1, 60_000, 1)
  child.send('go')
  while (!seen.length) await new Promise((resolve) => setTimeout(resolve, 10))
  const [second, third] = [await other(url, more), await other(url, more)]
  child.kill('SIGKILL')
  const slow = second.get('')
  while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(seen[1]!.at - seen[0]!.at).toBeLessThan(9000)
  const last = third.get('')
  await Promise.all([slow, last])
  expect(seen[2]!.at - seen[1]!.at).toBeGreaterThanOrEqual(6000)
})

it('T8 what one process was told, another reads by its own clock', () => {
  const made = () => createScope(createQueue(), createDeclared([]), 16)
  const [one, two] = [made(), made()]
  const reading = { policy: 'd', unit: 'requests', limit: 9, remaining: 0, resetAfter: 1000, source: 'own' }
  const now = performance.now()
  one.ledger.read([reading], now, now)
  // As if the other had started an hour later.
  load(save(one, 0, 'one', {}), two, 3_600_000, 'two')
  const [quota] = two.ledger.quotas.values()
  expect(quota?.toldBy).toBeCloseTo(now - 3_600_000, 0)
  expect(quota?.resetAt).toBeCloseTo(now - 3_600_000 + 1000, 0)
})

it('T8 when the last of our calls is back, those of the others are in flight still', () => {
  const [one, two] = [
    createScope(createQueue(), createDeclared([]), 16),
    createScope(createQueue(), createDeclared([]), 16),
  ]
  const flight = () => ({
    epoch: 0,
    round: 0,
    window: 0,
    cost: 1,
    leftAt: performance.now(),
    endsAt: performance.now() + 1000,
  })
  for (let i = 0; i < 25; i++) one.flights.add(flight())
  const ours = flight()
  two.flights.add(ours)
  load(save(one, 0, 'one', {}), two, 0, 'two')
  expect(two.inFlight).toBe(26)
  land(two, ours)
  expect(two.inFlight).toBe(25)
})
