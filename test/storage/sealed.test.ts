import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/secret.ts'
import { memoryStore } from '../../src/storage/memory.ts'
import { passphrase, type SealingKey, sealed } from '../../src/storage/sealed.ts'
import type { Bytes, CredentialStore, Version } from '../../src/types.ts'
import { leaks } from '../flows/sinks.ts'
import { storeContract } from './contract.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value)
const newKey = () => crypto.getRandomValues(new Uint8Array(32))
/** Costs that show what happens, and protect nothing. */
const cheap = { algorithm: 'argon2id', argon2id: { memory: 8, passes: 1 } } as const
const SECRET = 'Zq7_kV3wX~canary.0123456789'

storeContract('sealed memory', async () => {
  const inner = memoryStore()
  const key = newKey()
  return [sealed(inner, key), sealed(inner, key)]
})

storeContract('memory sealed with a passphrase', async () => {
  const inner = memoryStore()
  const open = () => sealed(inner, passphrase('correct horse', cheap))
  return [open(), open()]
})

async function put(store: CredentialStore, id: string, value: Uint8Array | string): Promise<Version> {
  const content = typeof value === 'string' ? bytes(value) : value
  const result = await store.put(id, content, { ifVersion: (await store.get(id))?.version ?? null })
  if (!result.ok) throw new Error('conflict')
  return result.version
}

/** The record as it lies in the store. */
async function raw(store: CredentialStore, id: string): Promise<Bytes> {
  const entry = await store.get(id)
  if (!entry) throw new Error('absent')
  return entry.value
}

function flipped(record: Bytes, at: number, bit = at % 8): Bytes {
  const copy = record.slice()
  copy[at] = (copy[at] as number) ^ (1 << bit)
  return copy
}

/** What somebody does who knows the format: the checksum is right again. */
function forged(record: Bytes, at: number): Bytes {
  const copy = flipped(record, at)
  const end = 41 + (copy[40] as number)
  let sum = 0x811c9dc5
  for (const byte of copy.subarray(0, end)) sum = Math.imul(sum ^ byte, 0x01000193)
  new DataView(copy.buffer).setUint32(end, sum)
  return copy
}

describe('P3 a sealed record opens as it was sealed, or not at all', () => {
  for (const [kind, key] of [
    ['a key', newKey()],
    ['a passphrase', passphrase('correct horse', cheap)],
  ] satisfies [string, SealingKey][]) {
    it(`one flipped bit at every byte is corrupt, with ${kind}`, async () => {
      const inner = memoryStore()
      const store = sealed(inner, key)
      await put(store, 'id', SECRET)
      const record = await raw(inner, 'id')
      for (let at = 0; at < record.length; at++) {
        await put(inner, 'id', flipped(record, at))
        await expect(store.get('id'), `byte ${at}`).rejects.toMatchObject({ code: 'corrupt', name: 'StoreError' })
      }
      await put(inner, 'id', record)
      expect(text((await store.get('id'))?.value)).toBe(SECRET)
    })

    it(`truncated or longer by a byte is corrupt, with ${kind}`, async () => {
      const inner = memoryStore()
      const store = sealed(inner, key)
      await put(store, 'id', SECRET)
      const record = await raw(inner, 'id')
      const longer = new Uint8Array([...record, 0])
      for (const part of [...Array.from(record.keys(), (length) => record.slice(0, length)), longer]) {
        await put(inner, 'id', part)
        await expect(store.get('id'), `${part.length} bytes`).rejects.toMatchObject({ code: 'corrupt' })
      }
    })

    it(`an edited header is never taken, also with a checksum that fits, with ${kind}`, async () => {
      const inner = memoryStore()
      const store = sealed(inner, key)
      await put(store, 'id', SECRET)
      const record = await raw(inner, 'id')
      for (let at = 0; at < 41 + (record[40] as number); at++) {
        await put(inner, 'id', forged(record, at))
        await expect(store.get('id'), `byte ${at}`).rejects.toMatchObject({
          code: expect.stringMatching(/^(corrupt|key_mismatch|unavailable)$/),
        })
      }
    }, 60_000)
  }

  it('records swapped between ids or namespaces are corrupt', async () => {
    const inner = memoryStore()
    const key = newKey()
    const store = sealed(inner, key, { namespace: 'one' })
    await put(store, 'ada', 'of ada')
    await put(store, 'bob', 'of bob')
    await put(inner, 'bob', await raw(inner, 'ada'))
    await expect(store.get('bob')).rejects.toMatchObject({ code: 'corrupt' })
    await expect(sealed(inner, key, { namespace: 'two' }).get('ada')).rejects.toMatchObject({ code: 'corrupt' })
    // Neither may what is joined be read otherwise: 'one' + 'ada' is not 'onea' + 'da'.
    await put(inner, 'da', await raw(inner, 'ada'))
    await expect(sealed(inner, key, { namespace: 'onea' }).get('da')).rejects.toMatchObject({ code: 'corrupt' })
    expect(text((await store.get('ada'))?.value)).toBe('of ada')
  })

  it('plaintext swapped in is corrupt', async () => {
    const inner = memoryStore()
    const store = sealed(inner, newKey())
    for (const content of ['', '{"access_token":"x"}', 'LK\u0001\u0001'.padEnd(100, '\u0000')]) {
      await put(inner, 'id', content)
      await expect(store.get('id')).rejects.toMatchObject({ code: 'corrupt' })
    }
  })

  it('seals the same value differently each time', async () => {
    const inner = memoryStore()
    const store = sealed(inner, newKey())
    const seen = new Set<string>()
    for (let i = 0; i < 20; i++) {
      await put(store, 'id', 'same')
      const record = await raw(inner, 'id')
      for (const part of [record.slice(12, 28), record.slice(28, 40), record.slice(45)]) seen.add(part.join())
    }
    expect(seen.size).toBe(60)
  })
})

describe('P6 unreadable is never absent', () => {
  it('another key is key_mismatch, and nothing it does harms the record', async () => {
    const inner = memoryStore()
    const key = newKey()
    const version = await put(sealed(inner, key), 'id', SECRET)
    for (const other of [newKey(), passphrase('another', cheap)]) {
      const store = sealed(inner, other)
      await expect(store.get('id')).rejects.toMatchObject({ code: 'key_mismatch' })
      await expect(store.put('id', bytes('new'), { ifVersion: null })).rejects.toMatchObject({ code: 'key_mismatch' })
      const stale = store.put('id', bytes('new'), { ifVersion: 'another' as Version })
      await expect(stale).rejects.toMatchObject({ code: 'key_mismatch' })
    }
    expect(await sealed(inner, key).get('id')).toMatchObject({ version, value: bytes(SECRET) })
  })

  it('a wrong passphrase is key_mismatch', async () => {
    const inner = memoryStore()
    await put(sealed(inner, passphrase('right', cheap)), 'id', SECRET)
    await expect(sealed(inner, passphrase('wrong', cheap)).get('id')).rejects.toMatchObject({ code: 'key_mismatch' })
  })

  it('a create moves a corrupt record aside, and keeps it', async () => {
    const inner = memoryStore()
    const store = sealed(inner, newKey())
    await put(store, 'id', 'old')
    const damaged = flipped(await raw(inner, 'id'), 60)
    const version = await put(inner, 'id', damaged)
    expect(await store.put('id', bytes('new'), { ifVersion: null })).toMatchObject({ ok: true })
    expect(text((await store.get('id'))?.value)).toBe('new')
    expect(await raw(inner, `id~unreadable~${version}`)).toEqual(damaged)
  })

  it('only a create moves it: who replaces a version that is gone is told', async () => {
    const inner = memoryStore()
    const store = sealed(inner, newKey())
    const version = await put(store, 'id', 'old')
    const damaged = await put(inner, 'id', 'plain')
    await expect(store.put('id', bytes('new'), { ifVersion: version })).rejects.toMatchObject({ code: 'corrupt' })
    expect((await inner.get('id'))?.version).toBe(damaged)
  })

  it('of many creates at once over a corrupt record, one wins and the others see it', async () => {
    const inner = memoryStore()
    const store = sealed(inner, newKey())
    await put(inner, 'id', 'plain')
    const create = (_: unknown, i: number) => store.put('id', bytes(`${i}`), { ifVersion: null })
    const results = await Promise.all(Array.from({ length: 20 }, create))
    expect(results.filter(({ ok }) => ok).length).toBe(1)
    const value = (await store.get('id'))?.value
    for (const result of results) if (!result.ok) expect(result.current?.value).toEqual(value)
  })

  it('who lost the key can start anew, by saying so', async () => {
    const inner = memoryStore()
    await put(sealed(inner, newKey()), 'id', 'lost')
    const lost = await raw(inner, 'id')
    const version = (await inner.get('id'))?.version
    const store = sealed(inner, newKey(), { setAside: ['corrupt', 'key_mismatch'] })
    await expect(store.get('id')).rejects.toMatchObject({ code: 'key_mismatch' })
    expect(await store.put('id', bytes('new'), { ifVersion: null })).toMatchObject({ ok: true })
    expect(await raw(inner, `id~unreadable~${version}`)).toEqual(lost)
  })

  it('a delete removes also what cannot be read', async () => {
    const inner = memoryStore()
    await put(inner, 'id', 'plain')
    const store = sealed(inner, newKey())
    expect(await store.delete('id')).toBe('deleted')
    expect(await store.get('id')).toBeUndefined()
  })
})

describe('keys', () => {
  it('the first writes, all read', async () => {
    const inner = memoryStore()
    const [old, next] = [newKey(), newKey()]
    await put(sealed(inner, old), 'id', 'kept')
    const both = sealed(inner, [next, passphrase('never used', cheap), old])
    expect(text((await both.get('id'))?.value)).toBe('kept')
    await put(both, 'id', 'saved again')
    expect(text((await sealed(inner, next).get('id'))?.value)).toBe('saved again')
    await expect(sealed(inner, old).get('id')).rejects.toMatchObject({ code: 'key_mismatch' })
  })

  it('a CryptoKey seals, and one that may only decrypt reads', async () => {
    const inner = memoryStore()
    const material = newKey()
    const imported = (usages: KeyUsage[]) => crypto.subtle.importKey('raw', material, 'AES-GCM', false, usages)
    await put(sealed(inner, await imported(['encrypt', 'decrypt'])), 'id', 'kept')
    const reader = await imported(['decrypt'])
    expect(text((await sealed(inner, [newKey(), reader]).get('id'))?.value)).toBe('kept')
    expect(text((await sealed(inner, material).get('id'))?.value)).toBe('kept')
    await put(inner, 'id', flipped(await raw(inner, 'id'), 50))
    await expect(sealed(inner, [newKey(), reader]).get('id')).rejects.toMatchObject({ code: 'key_mismatch' })
  })

  it('a function is asked once, when the key is first needed; again when it failed', async () => {
    let asked = 0
    const store = sealed(memoryStore(), async () => {
      if (++asked === 1) throw new Error(SECRET)
      return newKey()
    })
    expect(asked).toBe(0)
    const refused = await store.put('id', bytes('x'), { ifVersion: null }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ name: 'StoreError', code: 'unavailable' })
    expect(leaks([refused], SECRET)).toEqual([])
    await Promise.all([1, 2, 3].map((i) => store.put(`${i}`, bytes('x'), { ifVersion: null })))
    expect(asked).toBe(2)
  })

  it('the caller cannot change a key later', async () => {
    const inner = memoryStore()
    const key = newKey()
    const store = sealed(inner, key)
    const copy = key.slice()
    key.fill(0)
    await put(store, 'id', 'kept')
    expect(text((await sealed(inner, copy).get('id'))?.value)).toBe('kept')
  })

  it('what is no key is refused at once, without being shown', async () => {
    const small = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, false, ['encrypt', 'decrypt'])
    const decrypting = await crypto.subtle.importKey('raw', newKey(), 'AES-GCM', false, ['decrypt'])
    for (const bad of [SECRET, bytes(SECRET), {}, null, undefined, 5, [], [newKey(), 5], small, decrypting]) {
      let refused: unknown
      try {
        sealed(memoryStore(), bad as SealingKey)
      } catch (error) {
        refused = error
      }
      expect(refused).toMatchObject({ code: 'invalid_option' })
      expect(leaks([refused], SECRET)).toEqual([])
    }
    const late = sealed(memoryStore(), (() => SECRET) as unknown as SealingKey)
    await expect(late.get('id')).resolves.toBeUndefined()
    const refused = await late.put('id', bytes('x'), { ifVersion: null }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'invalid_option' })
    expect(leaks([refused, late], SECRET)).toEqual([])
  })
})

describe('passphrases', () => {
  it('costs stand in the record, and are raised on the next save', async () => {
    const inner = memoryStore()
    const costs = async () => new DataView((await raw(inner, 'id')).buffer).getUint32(42)
    await put(sealed(inner, passphrase('correct horse', cheap)), 'id', 'one')
    expect(await costs()).toBe(8)
    const raised = { ...cheap, argon2id: { memory: 64, passes: 2 } }
    const store = sealed(inner, passphrase('correct horse', raised))
    expect(text((await store.get('id'))?.value)).toBe('one')
    expect(await costs()).toBe(8)
    await put(store, 'id', 'two')
    expect(await costs()).toBe(64)
    // Lower ones do not lower what is there.
    const lower = sealed(inner, passphrase('correct horse', cheap))
    expect(text((await lower.get('id'))?.value)).toBe('two')
    await put(lower, 'id', 'three')
    expect(await costs()).toBe(64)
    const other = sealed(inner, passphrase('correct horse', { algorithm: 'scrypt', scrypt: { cost: 16 } }))
    expect(text((await other.get('id'))?.value)).toBe('three')
    await put(other, 'id', 'four')
    expect(await costs()).toBe(16)
    expect(text((await store.get('id'))?.value)).toBe('four')
  })

  it('is derived once, also for many at once, and by others with the salt they find', async () => {
    const inner = memoryStore()
    let derived = 0
    const counted = () =>
      passphrase(() => {
        derived++
        return new Secret('correct horse')
      }, cheap)
    const store = sealed(inner, counted())
    await Promise.all(Array.from({ length: 20 }, (_, i) => put(store, `${i}`, 'x')))
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.get(`${i}`)))
    expect(derived).toBe(1)
    const other = sealed(inner, counted())
    for (let i = 0; i < 20; i++) await put(other, `${i}`, 'y')
    expect(derived).toBe(2)
  })

  it('that was mistyped once is asked for again, and one that opens records is not', async () => {
    const inner = memoryStore()
    await put(sealed(inner, passphrase('correct horse', cheap)), 'id', 'kept')
    await put(sealed(inner, passphrase('old horse', cheap)), 'old', 'kept too')
    const answers = ['wrong horse', 'correct horse', 'wrong again']
    const old = { asked: 0 }
    const store = sealed(inner, [
      passphrase(() => answers.shift() as string, cheap),
      passphrase(() => {
        old.asked++
        return 'old horse'
      }, cheap),
    ])
    await expect(store.get('id')).rejects.toMatchObject({ code: 'key_mismatch' })
    expect(text((await store.get('id'))?.value)).toBe('kept')
    for (let i = 0; i < 3; i++) expect(text((await store.get('id'))?.value)).toBe('kept')
    expect(answers).toEqual(['wrong again'])
    for (let i = 0; i < 3; i++) expect(text((await store.get('old'))?.value)).toBe('kept too')
    // Once for each salt, and never because the other key opened it.
    expect(answers).toEqual([])
    expect(old.asked).toBe(2)
  })

  it('a key that a function gave wrongly is asked for again', async () => {
    const [inner, right] = [memoryStore(), newKey()]
    await put(sealed(inner, right), 'id', 'kept')
    let asked = 0
    const store = sealed(inner, () => (asked++ ? right : newKey()))
    await expect(store.get('id')).rejects.toMatchObject({ code: 'key_mismatch' })
    for (let i = 0; i < 3; i++) expect(text((await store.get('id'))?.value)).toBe('kept')
    expect(asked).toBe(2)
  })

  it('is the same when typed on another system', async () => {
    const inner = memoryStore()
    await put(sealed(inner, passphrase('caf\u00e9', cheap)), 'id', 'kept')
    expect(text((await sealed(inner, passphrase('cafe\u0301', cheap)).get('id'))?.value)).toBe('kept')
  })

  it('refuses costs that cannot be meant', () => {
    for (const options of [
      { argon2id: { memory: 7 } },
      { argon2id: { memory: 2 ** 21 } },
      { argon2id: { passes: 0.5 } },
      { algorithm: 'scrypt', scrypt: { cost: 1000 } },
      { algorithm: 'scrypt', scrypt: { cost: 2 ** 24 } },
      { algorithm: 'md5' },
    ] as object[])
      expect(() => passphrase('x', { algorithm: 'argon2id', ...options }), JSON.stringify(options)).toThrow(
        expect.objectContaining({ code: 'invalid_option' }),
      )
    expect(() => passphrase('')).toThrow(expect.objectContaining({ code: 'credential_invalid' }))
  })

  it('shows nowhere', async () => {
    const phrase = passphrase(SECRET, cheap)
    const inner = memoryStore()
    const store = sealed(inner, phrase)
    await put(store, 'id', SECRET)
    const wrong = await sealed(inner, newKey())
      .get('id')
      .catch((error: unknown) => error)
    const failing = passphrase(() => { throw new Error(SECRET) }, cheap) // biome-ignore format: one line
    const failed = await sealed(inner, failing)
      .get('id')
      .catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'credential_unavailable' })
    expect(leaks([phrase, store, store.traits, wrong, failed, await raw(inner, 'id')], SECRET)).toEqual([])
    expect(Buffer.from(await raw(inner, 'id')).includes(SECRET)).toBe(false)
  })
})

describe('P10 traits are true, and a requirement that is not met refuses at creation', () => {
  const traits = { backend: 'a file', atRest: 'none', durability: 'lazy', maxBytes: 1000 } as const
  const onDisk: CredentialStore = { ...memoryStore(), traits: { ...memoryStore().traits, ...traits } }

  it('says how the key is kept', () => {
    const atRest = (key: SealingKey | SealingKey[]) => sealed(onDisk, key).traits.atRest
    expect(atRest(newKey())).toBe('external-key')
    expect(atRest(async () => newKey())).toBe('external-key')
    expect(atRest(passphrase('x', cheap))).toBe('passphrase')
    expect(atRest([newKey(), passphrase('x', cheap)])).toBe('passphrase')
    expect(sealed(memoryStore(), passphrase('x', cheap)).traits.atRest).toBe('memory-only')
    expect(sealed(onDisk, newKey()).traits).toMatchObject({ backend: 'a file', durability: 'lazy' })
  })

  it('leaves room for the envelope', async () => {
    for (const key of [newKey(), passphrase('x', cheap)]) {
      const inner = memoryStore()
      const { maxBytes } = sealed(onDisk, key).traits
      await put(sealed(inner, key), 'id', new Uint8Array(maxBytes))
      expect((await raw(inner, 'id')).length).toBe(1000)
    }
  })

  it('refuses, and says what would do', () => {
    const offers = { ...onDisk, lock: undefined as never }
    expect(() => sealed(offers, newKey(), { requires: { durability: 'process-crash' } })).toThrow(
      expect.objectContaining({ name: 'StoreError', code: 'requirement_not_met', message: expect.stringContaining('sqliteStore') }), // biome-ignore format: one line
    )
    expect(() => sealed(onDisk, passphrase('x', cheap), { requires: { atRest: 'external-key' } })).toThrow(
      /kept elsewhere/,
    )
    expect(() => memoryStore({ requires: { durability: 'lazy' } })).toThrow(/'lazy'.*offers 'none'/)
    expect(() => memoryStore({ requires: { durability: 'forever' as 'lazy' } })).toThrow(/power-loss/)
    expect(() => memoryStore({ requires: { backups: true } as object })).toThrow(
      expect.objectContaining({ code: 'invalid_option' }),
    )
    expect(sealed(onDisk, newKey(), { requires: { durability: 'lazy', atRest: 'os-user' } }).traits.backend).toBe(
      'a file',
    )
  })
})
