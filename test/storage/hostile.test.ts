import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/storage/memory.ts'
import { redisStore } from '../../src/storage/redis/redis.ts'
import { passphrase, sealed } from '../../src/storage/sealed.ts'
import type { Bytes, CredentialStore, RedisClient, RedisSubscriber } from '../../src/types.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value)
const key = new Uint8Array(32).fill(3)
const cheap = { algorithm: 'argon2id', argon2id: { memory: 8, passes: 1 } } as const

async function put(store: CredentialStore, id: string, value: Bytes): Promise<void> {
  await store.put(id, value, { ifVersion: (await store.get(id))?.version ?? null })
}

/** The record with other bytes in its header, and the checksum that fits them: by somebody who knows the format. */
function forged(record: Bytes, at: number, ...other: number[]): Bytes {
  const copy = record.slice()
  copy.set(other, at)
  const end = 41 + (copy[40] as number)
  let sum = 0x811c9dc5
  for (const byte of copy.subarray(0, end)) sum = Math.imul(sum ^ byte, 0x01000193)
  new DataView(copy.buffer).setUint32(end, sum)
  return copy
}

const uint32 = (...numbers: number[]) => numbers.flatMap((n) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255])
const [ARGON2ID, SCRYPT] = [0, 1]

describe('P5 a sealed record that asks for too much is refused before any of it is spent', () => {
  for (const [what, ...derivation] of [
    ['argon2id with 1 GiB', ARGON2ID, 2 ** 20, 1, 1],
    ['argon2id with 64 passes over 64 MiB', ARGON2ID, 2 ** 16, 64, 1],
    ['scrypt with 1 GiB', SCRYPT, 2 ** 20, 8, 1],
    ['scrypt with 16 lanes of 256 MiB', SCRYPT, 2 ** 18, 8, 16],
    ['scrypt with small memory and 8 GiB of blocks', SCRYPT, 2, 2 ** 22, 16],
    ['scrypt with lanes without end', SCRYPT, 2, 8, 2 ** 31],
  ] as const)
    it(what, async () => {
      let asked = 0
      const inner = memoryStore()
      await put(sealed(inner, passphrase('right', cheap)), 'id', bytes('x'))
      const [algorithm, ...costs] = derivation
      const record = (await inner.get('id'))?.value as Bytes
      await put(inner, 'id', forged(record, 41, algorithm, ...uint32(...costs)))
      const counted = passphrase(() => `${++asked}`, cheap)
      await expect(sealed(inner, counted).get('id')).rejects.toMatchObject({ code: 'key_mismatch' })
      expect(asked).toBe(0)
    })

  it('unless the options ask for as much', async () => {
    const inner = memoryStore()
    const costs = { algorithm: 'argon2id', argon2id: { memory: 1024, passes: 1025 } } as const
    await put(sealed(inner, passphrase('right', costs)), 'id', bytes('x'))
    expect(text((await sealed(inner, passphrase('right', costs)).get('id'))?.value)).toBe('x')
    await expect(sealed(inner, passphrase('right', cheap)).get('id')).rejects.toMatchObject({ code: 'key_mismatch' })
  })

  it('keys are derived one at a time, however many salts the records name', async () => {
    const inner = memoryStore()
    for (let i = 0; i < 5; i++) await put(sealed(inner, passphrase('right', cheap)), `${i}`, bytes('x'))
    let [deriving, most] = [0, 0]
    const counted = passphrase(async () => {
      most = Math.max(most, ++deriving)
      await new Promise((resolve) => setTimeout(resolve, 5))
      deriving--
      return 'right'
    }, cheap)
    const store = sealed(inner, counted)
    await Promise.all([0, 1, 2, 3, 4].map((i) => store.get(`${i}`)))
    expect(most).toBe(1)
  })
})

describe('P6 a record of a format to come', () => {
  for (const [what, at] of [
    ['format', 2],
    ['algorithm', 3],
  ] as const)
    it(`with another ${what} is unavailable, and no create moves it aside`, async () => {
      const inner = memoryStore()
      const store = sealed(inner, key, { setAside: ['corrupt', 'key_mismatch'] })
      await put(store, 'id', bytes('x'))
      const newer = forged((await inner.get('id'))?.value as Bytes, at, 2)
      await put(inner, 'id', newer)
      await expect(store.get('id')).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('newer Latchkey'),
      })
      await expect(store.put('id', bytes('y'), { ifVersion: null })).rejects.toMatchObject({ code: 'unavailable' })
      expect((await inner.get('id'))?.value).toEqual(newer)
    })
})

describe('a redis client that does other than it should', () => {
  const storeWith = (client: RedisClient, subscriber?: RedisSubscriber) =>
    redisStore({ client, key, timeout: 100, ...(subscriber && { subscriber }) })

  for (const [what, client] of [
    ['throws', { eval: () => { throw new Error('secret') } }], // biome-ignore format: one line
    ['rejects with nothing', { eval: () => Promise.reject() }],
    ['never answers', { eval: () => new Promise(() => {}) }],
    ...[undefined, null, 'OK', 0, {}, [], [null]].map(
      (answer) => [`answers ${JSON.stringify(answer)}`, { eval: async () => answer }] as const,
    ),
  ] as readonly (readonly [string, RedisClient])[])
    it(`P6 ${what}: every call is unavailable, none takes the record for absent`, async () => {
      const store = storeWith(client)
      const calls = [
        store.get('id'),
        store.put('id', bytes('x'), { ifVersion: null }),
        store.delete('id'),
        store.lock('id', async () => 'held', { wait: 150 }),
      ]
      for (const [i, outcome] of (await Promise.allSettled(calls)).entries())
        expect(outcome, `call ${i}`).toMatchObject({
          reason: {
            name: 'StoreError',
            code: expect.stringMatching(i === 3 ? /^(unavailable|lock_timeout)$/ : /^unavailable$/),
          },
        })
    })

  it('a subscriber that throws or rejects is no error of whoever listens', async () => {
    const client = { eval: async () => [null, null] }
    for (const fail of [
      () => Promise.reject(new Error('closed')),
      () => {
        throw new Error('closed')
      },
    ]) {
      // biome-ignore format: one line
      const stop = storeWith(client, { subscribe: fail, unsubscribe: fail }).subscribe?.('id', () => {})
      stop?.()
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  })
})
