import { describe, expect, it } from 'vitest'
import { chain } from '../../src/storage/chain.ts'
import { memoryStore } from '../../src/storage/memory.ts'
import { sealed } from '../../src/storage/sealed.ts'
import type { CredentialStore, Version } from '../../src/types.ts'
import { storeContract } from './contract.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value)
const newKey = () => crypto.getRandomValues(new Uint8Array(32))

storeContract('a chain', async () => {
  const [store, old] = [memoryStore(), memoryStore()]
  return [chain([store, old]), chain([store, old])]
})

storeContract('a chain of three, sealed', async () => {
  const inner = [memoryStore(), memoryStore(), memoryStore()] as const
  const [a, b] = [newKey(), newKey()]
  const open = () => chain([sealed(inner[0], a), sealed(inner[1], b), inner[2]])
  return [open(), open()]
})

async function signedIn(store: CredentialStore, value = 'session'): Promise<Version> {
  const result = await store.put('id', bytes(value), { ifVersion: null })
  if (!result.ok) throw new Error('conflict')
  return result.version
}
const read = async (store: CredentialStore) => text((await store.get('id'))?.value)

/** The store, with `before` called ahead of each of its operations, e.g. `get`. */
function watched(store: CredentialStore, before: (operation: string) => Promise<void>): CredentialStore {
  const watch =
    (name: 'get' | 'put' | 'delete') =>
    async (...given: unknown[]) => {
      await before(name)
      return (store[name] as (...given: unknown[]) => Promise<unknown>)(...given)
    }
  return { ...store, get: watch('get'), put: watch('put'), delete: watch('delete') } as CredentialStore
}

/** Runs `interrupt` once, ahead of the operation of that number, counted over both stores. */
function interrupted(store: CredentialStore, old: CredentialStore, at: number, interrupt: () => Promise<void>) {
  let count = 0
  const before = async () => {
    if (++count === at) await interrupt()
  }
  return { migrating: chain([watched(store, before), watched(old, before)]), operations: () => count }
}

describe('chain', () => {
  it('moves a record when it is first read, and deletes it where it was', async () => {
    const [store, old] = [memoryStore(), memoryStore()]
    await signedIn(old)
    const both = chain([store, old])
    const entry = await both.get('id')
    expect(text(entry?.value)).toBe('session')
    expect(await old.get('id')).toBeUndefined()
    expect((await store.get('id'))?.version).toBe(entry?.version)
    expect((await both.put('id', bytes('renewed'), { ifVersion: entry?.version as Version })).ok).toBe(true)
    expect(await read(store)).toBe('renewed')
  })

  it('does not create over what was not moved yet', async () => {
    const [store, old] = [memoryStore(), memoryStore()]
    await signedIn(old)
    const result = await chain([store, old]).put('id', bytes('another'), { ifVersion: null })
    expect(result).toMatchObject({ ok: false, current: { value: bytes('session') } })
  })

  it('P7 deletes also what was not moved yet, and by compare only what was read', async () => {
    const [store, old] = [memoryStore(), memoryStore()]
    const both = chain([store, old])
    await signedIn(old)
    expect(await both.delete('id')).toBe('deleted')
    expect([await store.get('id'), await old.get('id')]).toEqual([undefined, undefined])
    await signedIn(old)
    expect(await both.delete('id', { ifVersion: 'another' as Version })).toBe('conflict')
    const version = (await both.get('id'))?.version as Version
    expect(await both.delete('id', { ifVersion: version })).toBe('deleted')
    expect([await store.get('id'), await old.get('id')]).toEqual([undefined, undefined])
  })

  it('P1 many who move at once all get the one session, and none loses it', async () => {
    const [store, old] = [memoryStore(), memoryStore()]
    await signedIn(old)
    const slow = async () => new Promise<void>((resolve) => setTimeout(resolve, Math.random() * 5))
    const all = Array.from({ length: 50 }, () => chain([watched(store, slow), watched(old, slow)]))
    expect(new Set(await Promise.all(all.map(read)))).toEqual(new Set(['session']))
    expect([await read(store), await old.get('id')]).toEqual(['session', undefined])
  })

  it('P4 a crash before any step leaves the session to be found', async () => {
    for (let at = 1, operations = 99; at <= operations; at++) {
      const [store, old] = [memoryStore(), memoryStore()]
      await signedIn(old)
      const crash = () => Promise.reject(new Error('killed'))
      const doomed = interrupted(store, old, at, crash)
      // What follows a crash does not happen either.
      await Promise.race([
        doomed.migrating.get('id').catch(() => {}),
        new Promise((resolve) => setTimeout(resolve, 20)),
      ])
      operations = doomed.operations()
      expect(await read(chain([store, old])), `before step ${at}`).toBe('session')
      expect(operations).toBeGreaterThanOrEqual(Math.min(at, 5))
    }
  })

  it('what an interrupted move left behind is deleted with the next put', async () => {
    const [store, old] = [memoryStore(), memoryStore()]
    await signedIn(old)
    const version = await signedIn(store)
    const both = chain([store, old])
    expect((await both.put('id', bytes('renewed'), { ifVersion: version })).ok).toBe(true)
    expect(await old.get('id')).toBeUndefined()
  })

  it('P7 a sign-out before any step of a move is final', async () => {
    for (let at = 1, operations = 99; at <= operations; at++) {
      const [store, old] = [memoryStore(), memoryStore()]
      await signedIn(old)
      let signedOut: Promise<unknown> = Promise.resolve()
      // It waits for the move, if that has begun.
      const signOut = async () => {
        signedOut = chain([store, old]).delete('id')
      }
      const { migrating, operations: counted } = interrupted(store, old, at, signOut)
      await migrating.get('id')
      await signedOut
      operations = counted()
      if (at > operations) break
      expect([await store.get('id'), await old.get('id')], `before step ${at}`).toEqual([undefined, undefined])
    }
  })

  it('P1 somebody else who moves and renews before any step is not undone', async () => {
    for (let at = 1, operations = 99; at <= operations; at++) {
      const [store, old] = [memoryStore(), memoryStore()]
      await signedIn(old)
      let renewed = false
      const renew = async () => {
        const other = chain([store, old])
        const version = (await other.get('id'))?.version as Version
        renewed = (await other.put('id', bytes('renewed'), { ifVersion: version })).ok
      }
      let renewing: Promise<unknown> = Promise.resolve()
      const begin = async () => {
        renewing = renew()
      }
      const { migrating, operations: counted } = interrupted(store, old, at, begin)
      await migrating.get('id')
      await renewing
      operations = counted()
      if (at > operations) break
      expect([renewed, await read(store), await old.get('id')], `before step ${at}`).toEqual([
        true,
        'renewed',
        undefined,
      ])
    }
  })

  it('keeps the old record when the new store gives back something else', async () => {
    const [store, old] = [memoryStore(), memoryStore()]
    await signedIn(old)
    const lossy: CredentialStore = {
      ...store,
      get: async (id) => {
        const entry = await store.get(id)
        return entry && { ...entry, value: entry.value.slice(1) }
      },
    }
    await expect(chain([lossy, old]).get('id')).rejects.toMatchObject({ code: 'corrupt' })
    expect(await read(old)).toBe('session')
  })

  it('P6 an old store that fails is not an empty one', async () => {
    const [store, old] = [memoryStore(), memoryStore()]
    await signedIn(old)
    const failing = watched(old, () => Promise.reject(Object.assign(new Error(), { code: 'unavailable' })))
    const both = chain([store, failing])
    await expect(both.get('id')).rejects.toMatchObject({ code: 'unavailable' })
    await expect(both.put('id', bytes('x'), { ifVersion: null })).rejects.toMatchObject({ code: 'unavailable' })
    await expect(both.delete('id')).rejects.toMatchObject({ code: 'unavailable' })
    // What is in the new one needs no old one.
    const version = await signedIn(store)
    expect(await read(both)).toBe('session')
    expect((await both.put('id', bytes('y'), { ifVersion: version })).ok).toBe(true)
  })

  it('moves the key pair of a record with it, and makes none in the old store', async () => {
    const [store, old] = [memoryStore(), memoryStore()]
    const make = async () =>
      (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
        'sign',
        'verify',
      ])) as CryptoKeyPair
    const none = () => Promise.reject(new Error('made another'))
    await signedIn(old)
    const pair = await old.keyPair?.('id', make)
    const both = chain([store, old])
    await both.get('id')
    expect(await both.keyPair?.('id', none)).toBe(pair)
    expect(await store.keyPair?.('id', none)).toBe(pair)
    await both.keyPair?.('other', make)
    await expect(old.keyPair?.('other', none)).rejects.toThrow('made another')
  })

  it('P10 has the traits of the first store, and refuses what it does not meet', () => {
    const [store, old] = [memoryStore(), memoryStore()]
    const disk = {
      ...memoryStore(),
      traits: { ...memoryStore().traits, backend: 'disk', durability: 'power-loss' } as const,
    }
    expect(chain([disk, old], { requires: { durability: 'power-loss' } }).traits.backend).toBe('disk')
    expect(() => chain([store, disk], { requires: { durability: 'lazy' } })).toThrow(
      expect.objectContaining({ code: 'requirement_not_met' }),
    )
    expect(() => chain([store] as never)).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  })
})
