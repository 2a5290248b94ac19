import { LatchkeyError, StoreError } from '../errors.ts'
import type { Bytes, CredentialStore, Entry } from '../types.ts'
import { meetRequirements, type Requirements } from './requirements.ts'

export type { Requirements }

/** How often a move is begun anew, when somebody without the chain writes to the old store meanwhile. */
const ATTEMPTS = 10
/** The lock of a move: not the record's own, which may be held by whoever reads. */
const moving = (id: string) => `${id}~moving`

/**
 * Moves to another store without signing anybody out: the first store is used, and a record that only a later one has is
 * moved when it is first read: written, read back, then deleted where it was, each by compare.
 *
 * Any number of processes may do so at the same time, if all use the chain. Traits and lock are the first store's. A key pair
 * that cannot be exported moves too, where both stores keep such pairs. Drop the chain when the old store is empty.
 * @throws StoreError `requirement_not_met`; LatchkeyError `invalid_option`
 */
export function chain(
  stores: readonly [CredentialStore, CredentialStore, ...CredentialStore[]],
  { requires }: { requires?: Requirements } = {},
): CredentialStore {
  const [first, ...olds] = stores
  if (!first || !olds.length) throw new LatchkeyError('invalid_option', 'Give at least two stores: chain([new, old]).')
  meetRequirements(first.traits, requires)
  // Of three stores, the last two are a chain of their own.
  const old = olds.length > 1 ? chain(olds as [CredentialStore, CredentialStore]) : (olds[0] as CredentialStore)
  return { ...twoStores(first, old), details: () => ({ wrapper: 'chain', stores }) }
}

function twoStores(store: CredentialStore, old: CredentialStore): CredentialStore {
  const { backend } = store.traits
  const { subscribe, keyPair } = store

  return {
    traits: store.traits,
    get,
    async put(id, value, options) {
      // A record that was not moved yet is no reason to create another one.
      const current = options.ifVersion === null ? await get(id) : undefined
      if (current) return { ok: false, current }
      const result = await store.put(id, value, options)
      // An interrupted move may have left it there; what is written stays written when it cannot be deleted now.
      if (result.ok) await old.delete(id).catch(() => {})
      return result
    },
    async delete(id, { ifVersion } = {}) {
      if (ifVersion !== undefined) {
        const current = await get(id)
        if (!current) return 'absent'
        if (current.version !== ifVersion) return 'conflict'
      }
      // Whoever moves the record now would show it once more after it is gone.
      return store.lock(moving(id), async () => {
        // What cannot be read is there too. Where nothing is, what others create from now on is not meant.
        const known = await store.get(id).catch(() => true)
        const before = await old.delete(id)
        return known ? store.delete(id, ifVersion === undefined ? {} : { ifVersion }) : before
      })
    },
    lock: (id, task, options) => store.lock(id, task, options),
    ...(subscribe && { subscribe: (id, listener) => subscribe.call(store, id, listener) }),
    ...(keyPair && { keyPair: (id, make) => keyPair.call(store, id, () => pairOf(id, make)) }),
  }

  async function get(id: string): Promise<Entry | undefined> {
    const known = await store.get(id)
    if (known) return known
    // Whoever moved it between the two looks has left it in the first.
    if (!(await old.get(id))) return store.get(id)
    return store.lock(moving(id), () => movedOnce(id))
  }

  async function movedOnce(id: string): Promise<Entry | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const known = await store.get(id)
      if (known) return known
      const found = await old.get(id)
      if (!found) return undefined
      const moved = await move(id, found)
      if (moved) return moved
    }
    throw new StoreError('unavailable', backend, 'The record changed each time it was to be moved. Try again.')
  }

  /** The record where it is now; undefined when it was changed or deleted meanwhile. */
  async function move(id: string, { value, version }: Entry): Promise<Entry | undefined> {
    const created = await store.put(id, value, { ifVersion: null })
    if (!created.ok) return created.current
    const written = await store.get(id)
    if (written?.version === created.version && !same(written.value, value))
      throw new StoreError(
        'corrupt',
        backend,
        'The store gave back other bytes than were written. The old record is kept.',
      )
    await movePair(id)
    // When it cannot be deleted now, the next put does it.
    const deleted = await old.delete(id, { ifVersion: version }).catch(() => 'deleted' as const)
    if (deleted === 'deleted') return written
    // It was deleted or renewed since it was read: this copy must not bring it back.
    await store.delete(id, { ifVersion: created.version })
    return undefined
  }

  async function movePair(id: string): Promise<void> {
    if (!keyPair || !old.keyPair) return
    const pair = await existing(id)
    if (pair) await keyPair.call(store, id, async () => pair)
  }

  async function pairOf(id: string, make: () => Promise<CryptoKeyPair>): Promise<CryptoKeyPair> {
    return (await existing(id)) ?? make()
  }

  /** The pair that the old store keeps, without making one there. */
  async function existing(id: string): Promise<CryptoKeyPair | undefined> {
    const none = new Error('none')
    return old
      .keyPair?.(id, () => Promise.reject(none))
      .catch((error: unknown) => {
        if (error === none) return undefined
        throw error
      })
  }
}

function same(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
