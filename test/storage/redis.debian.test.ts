import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { createCluster } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describe as describeStore } from '../../src/storage/describe.ts'
import { redisStore } from '../../src/storage/redis/redis.ts'
import type { CredentialStore, PutResult, Version } from '../../src/types.ts'
import { type RedisServer, redisServer } from '../servers/redis.ts'
import { storeContract } from './contract.ts'
import { checkAgainstModel } from './model.ts'
import { start } from './processes.ts'

const key = new Uint8Array(32).fill(9)
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value)
const sentinel = 'sentinel-7f3a-refresh-token'
let redis: RedisServer

beforeAll(async () => {
  redis = await redisServer()
})
afterAll(() => redis.close())

const newStore = async (options = {}) => redisStore({ client: await redis.client(), key, ...options })
const failure = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it did not fail'),
    (error) => error,
  )

storeContract('redis', async () => [await newStore(), await newStore()])

storeContract('redis with a subscriber', async () => [
  await newStore({ subscriber: await redis.client() }),
  await newStore({ subscriber: await redis.client() }),
])

it('P1 P3 P7 what many do at once could have been done one after the other', { timeout: 120_000 }, async () => {
  const clients = await Promise.all([1, 2, 3].map(() => redis.client()))
  let round = 0
  const open = () => {
    const prefix = `model ${round++}:`
    return clients.map((client) => redisStore({ client, key, prefix }))
  }
  await checkAgainstModel(open, { numRuns: 100 }, fc)
})

describe('ioredis', () => {
  let ioredis: Redis
  beforeAll(() => {
    ioredis = new Redis(redis.url)
  })
  afterAll(() => ioredis.disconnect())
  // As docs/storage.md says it.
  const client = {
    eval: (script: string, { keys, arguments: args }: { keys: string[]; arguments: string[] }) =>
      ioredis.eval(script, keys.length, ...keys, ...args),
  }
  const open = () => redisStore({ client, key, prefix: 'ioredis:' })

  storeContract('redis through ioredis', async () => [open(), open()])

  it('reads what the other client wrote, and tells errors as it does', async () => {
    const store = open()
    const other = await newStore({ prefix: 'ioredis:' })
    await other.put('of another client', bytes('same'), { ifVersion: null })
    expect(text((await store.get('of another client'))?.value)).toBe('same')
    await ioredis.set('ioredis:{text}', 'something else')
    expect(await failure(store.get('text'))).toMatchObject({ code: 'corrupt' })
  })
})

it('P8 tells what a report needs of it, without connecting, and no secret', async () => {
  const unreachable = { eval: () => Promise.reject(new Error(sentinel)) }
  const store = redisStore({ client: unreachable, key, prefix: `${sentinel}:`, lease: 700, timeout: 900 })
  const report = await describeStore(store)
  expect(report).toMatchObject({
    backend: 'redis',
    wrapper: 'sealed',
    atRest: 'external-key',
    keys: ['bytes'],
    store: { backend: 'redis', scope: 'fleet', lock: 'lease', notify: 'none', lease: 700, timeout: 900 },
  })
  expect(JSON.stringify(report)).not.toContain(sentinel)
})

describe('a redis cluster', () => {
  let own: RedisServer
  beforeAll(async () => {
    own = await redisServer(['--cluster-enabled', 'yes'])
    await (await own.client()).sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383'])
  })
  afterAll(() => own.close())

  storeContract('redis cluster', async () => {
    const cluster = createCluster({ rootNodes: [{ url: own.url }] })
    cluster.on('error', () => {})
    await eventually(() => cluster.connect())
    const store = redisStore({ client: cluster, key })
    await eventually(() => store.get('up'))
    return [store, store]
  })
})

describe('redis among processes', { timeout: 120_000 }, () => {
  it('P1 four processes lose none of 800 updates', async () => {
    const store = await newStore()
    await Promise.all(Array.from({ length: 4 }, () => start(['increment', 'redis', redis.url, 'sum', '200']).ended))
    expect(text((await store.get('sum'))?.value)).toBe('800')
  })

  it('the lock has one holder in 300 contended rounds', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
    await Promise.all(
      Array.from({ length: 4 }, () => start(['exclude', 'redis', redis.url, 'rounds', '75'], { folder }).ended),
    )
    expect(readFileSync(join(folder, 'count'), 'utf8')).toBe('300')
  })

  it('P4 a put under the lock outlives its process, and the lock is free when its lease has ended', async () => {
    const store = await newStore()
    const holder = start(['hold', 'redis', redis.url, 'held', '0'])
    await holder.said('held')
    // Longer than the lease of 1000 ms: it was prolonged.
    await expect(store.lock('held', async () => {}, { wait: 1500 })).rejects.toMatchObject({ code: 'lock_timeout' })
    await holder.kill()
    const killed = performance.now()
    const left = await (await redis.client()).pTTL('latchkey:{held}:lock')
    const value = await store.lock('held', async () => text((await store.get('held'))?.value), { wait: 10_000 })
    console.info(`redis: the lock of a killed holder was had after ${Math.round(performance.now() - killed)} ms`)
    expect(value).toBe('put under the lock')
    expect(left).toBeLessThanOrEqual(1000)
  })

  it('P1 a holder that was stopped beyond its lease learns that it is lost, and overwrites nothing', async () => {
    const store = await newStore()
    const holder = start(['late', 'redis', redis.url, 'late', '0'])
    await holder.said('holds for 1 s')
    holder.process.kill('SIGSTOP')
    await store.lock('late', () => store.put('late', bytes('newer'), { ifVersion: null }), { wait: 5000 })
    holder.process.kill('SIGCONT')
    holder.process.stdin.write('go\n')
    await holder.said('written: false, remaining: 0')
    await holder.ended
    expect(text((await store.get('late'))?.value)).toBe('newer')
  })
})

it('who lost its lease is told at the next prolonging, and frees nothing that is another holder’s', async () => {
  const [client, store, other] = [await redis.client(), await newStore({ lease: 300 }), await newStore()]
  let second: Promise<unknown> = Promise.resolve()
  let end = () => {}
  await store.lock('passed on', async ({ lost, remaining }) => {
    await client.del('latchkey:{passed%20on}:lock')
    await new Promise<void>((taken) => {
      second = other.lock('passed on', () => {
        taken()
        return new Promise<void>((resolve) => {
          end = resolve
        })
      })
    })
    if (!lost.aborted) await new Promise((resolve) => lost.addEventListener('abort', resolve))
    expect(remaining()).toBe(0)
  })
  expect(await failure(store.lock('passed on', async () => 'third', { wait: 50 }))).toMatchObject({
    code: 'lock_timeout',
  })
  end()
  await second
})

it('P3 keeps apart ids that differ only in what other programs make alike', async () => {
  const store = await newStore()
  const ids = ['', '}', '{', '}x', '\0', '\ud800', '\ud801', '%7D', 'é', ' ']
  for (const id of ids)
    expect(await store.put(`${id}`, bytes(JSON.stringify(id)), { ifVersion: null })).toMatchObject({ ok: true })
  for (const id of ids) expect((await store.get(id))?.value).toEqual(bytes(JSON.stringify(id)))
})

describe('redis that fails', { timeout: 60_000 }, () => {
  let own: RedisServer
  let store: CredentialStore
  beforeAll(async () => {
    own = await redisServer()
    store = redisStore({ client: await own.client(), key, timeout: 400, lease: 800 })
  })
  afterAll(() => own.close())

  it('P4 P5 P6 stopped in the middle of writes: calls end as unavailable, and after a restart the last answered write is there', async () => {
    let [last, version, failed]: [number, Version | null, unknown] = [0, null, undefined]
    const writing = (async () => {
      for (let i = 1; !failed; i++) {
        const result: PutResult | undefined = await store
          .put('count', bytes(`${i}`), { ifVersion: version })
          .catch((error) => {
            failed = error
            return undefined
          })
        if (result?.ok) [last, version] = [i, result.version]
      }
    })()
    await new Promise((resolve) => setTimeout(resolve, 100))
    await own.stop('SIGKILL')
    await writing
    expect(failed).toMatchObject({ name: 'StoreError', code: 'unavailable', backend: 'redis' })
    expect(await failure(store.get('count'))).toMatchObject({ code: 'unavailable' })
    expect(await failure(store.lock('count', async () => {}))).toMatchObject({ code: 'unavailable' })
    await own.start()
    const found = Number(text((await eventually(() => store.get('count')))?.value))
    expect([last, last + 1]).toContain(found)
    expect(last).toBeGreaterThan(0)
  })

  it('a holder that cannot reach redis until its lease ends is told, and its result still returns', async () => {
    const answer = await store.lock('cut', async ({ lost, remaining }) => {
      expect(remaining()).toBeGreaterThan(0)
      own.process().kill('SIGSTOP')
      await new Promise((resolve) => lost.addEventListener('abort', resolve))
      own.process().kill('SIGCONT')
      return remaining()
    })
    expect(answer).toBe(0)
    await eventually(() => store.lock('cut', async () => 'free'))
  })

  it('P5 a redis that hangs is unavailable within the timeout', async () => {
    own.process().kill('SIGSTOP')
    const asked = performance.now()
    expect(await failure(store.get('count'))).toMatchObject({ code: 'unavailable' })
    expect(performance.now() - asked).toBeLessThan(15_000)
    own.process().kill('SIGCONT')
    await eventually(() => store.get('count'))
  })

  it('a flushed script cache changes nothing', async () => {
    await (await own.client()).scriptFlush()
    expect(await store.get('count')).toBeDefined()
    expect(await store.put('flushed', bytes('x'), { ifVersion: null })).toMatchObject({ ok: true })
  })

  it('full memory is quota, and the old record stands', async () => {
    const [client, before] = [await own.client(), await store.get('count')]
    await client.configSet('maxmemory', '1')
    const error = await failure(store.put('count', bytes('x'), { ifVersion: before?.version ?? null }))
    await client.configSet('maxmemory', '0')
    expect(error).toMatchObject({ code: 'quota' })
    expect(await store.get('count')).toEqual(before)
  })

  it('P6 damage is corrupt, not absent', async () => {
    const client = await own.client()
    await client.set('latchkey:{text}', 'something else')
    expect(await failure(store.get('text'))).toMatchObject({ code: 'corrupt' })
    await client.hSet('latchkey:{half}', 'version', 'x')
    expect(await failure(store.get('half'))).toMatchObject({ code: 'corrupt' })
    await client.hSet('latchkey:{edited}', { version: 'x', value: 'AAAA' })
    expect(await failure(store.get('edited'))).toMatchObject({ code: 'corrupt' })
    expect(await failure(store.put('half', bytes('x'), { ifVersion: null }))).toMatchObject({ code: 'corrupt' })
  })

  it('a replica, a missing password and forbidden commands are told apart in words, all unavailable', async () => {
    const client = await own.client()
    await client.sendCommand(['REPLICAOF', '127.0.0.1', '1'])
    expect((await failure(store.put('id', bytes('x'), { ifVersion: null }))).message).toContain('replica')
    await client.sendCommand(['REPLICAOF', 'NO', 'ONE'])
    await client.sendCommand(['ACL', 'SETUSER', 'default', '-eval'])
    expect(await failure(store.get('id'))).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('EVAL'),
    })
    await client.sendCommand(['ACL', 'SETUSER', 'default', '+eval'])
  })

  it('P8 no secret is in what redis keeps, nor in any error', async () => {
    const before = await store.get('secret')
    await store.put('secret', bytes(sentinel), { ifVersion: before?.version ?? null })
    await (await own.client()).sendCommand(['SAVE'])
    for (const name of readdirSync(own.folder, { recursive: true, withFileTypes: true })) {
      if (name.isDirectory()) continue
      const content = readFileSync(join(name.parentPath, name.name), 'latin1')
      expect(content.includes(sentinel)).toBe(false)
      expect(content.includes(btoa(sentinel).slice(4, -4))).toBe(false)
    }
    await own.stop()
    const error = await failure(store.put('secret', bytes(sentinel), { ifVersion: null }))
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(sentinel.slice(0, 8))
    await own.start()
  })
})

it('is never without a key, and says what is missing', async () => {
  const client = await redis.client()
  // @ts-expect-error for those who write JavaScript
  expect(() => redisStore({ client })).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  // @ts-expect-error for those who write JavaScript
  expect(() => redisStore({ key })).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  expect(() => redisStore({ client, key, lease: 0 })).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  expect(() => redisStore({ client, key, requires: { durability: 'power-loss' } })).toThrow(
    expect.objectContaining({ code: 'requirement_not_met' }),
  )
  const store = redisStore({ client, key, durability: 'power-loss', requires: { durability: 'power-loss' } })
  expect(store.traits).toMatchObject({ scope: 'fleet', lock: 'lease', notify: 'none', atRest: 'external-key' })
})

it('records under another prefix are others, and do not open under this one', async () => {
  const client = await redis.client()
  const [one, two] = [redisStore({ client, key, prefix: 'one:' }), redisStore({ client, key, prefix: 'two:' })]
  await one.put('id', bytes('mine'), { ifVersion: null })
  expect(await two.get('id')).toBeUndefined()
  await client.copy('one:{id}', 'two:{id}')
  expect(await failure(two.get('id'))).toMatchObject({ code: 'corrupt' })
})

/** Until the client has a connection again. */
async function eventually<T>(call: () => Promise<T>): Promise<T> {
  for (let i = 0; ; i++) {
    try {
      return await call()
    } catch (error) {
      if (i > 50) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
