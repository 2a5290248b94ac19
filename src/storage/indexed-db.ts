import { get, promisifyRequest, type UseStore, update } from 'idb-keyval'
import { hex } from '../crypto/bytes.ts'
import { StoreError } from '../errors.ts'
import type { Bytes, CredentialStore, Entry, PutResult, StoreTraits, Version } from '../types.ts'
import { createChannel } from './channel.ts'
import { connect } from './indexed-db-connection.ts'
import { meetRequirements, type Requirements } from './requirements.ts'
import { sealed } from './sealed.ts'
import { createWebLock, hasWebLocks } from './web-lock.ts'

export type { Requirements }

export interface IndexedDbOptions {
  /** The least this store must do; checked at once. */
  requires?: Requirements
  /** Longest wait for the browser to open the database or to answer, in milliseconds. Default: 10 000. */
  timeout?: number
}

/** A record as it lies there; `value` is sealed. */
interface Kept {
  readonly version: Version
  readonly value: Bytes
}

const BACKEND = 'indexed-db'
const KEY = 'key'
const record = (id: string) => `record ${id}`
const pair = (id: string) => `pair ${id}`

/**
 * Credentials in this browser, for all tabs and workers of the origin: in IndexedDB, sealed with a key that cannot be exported.
 *
 * A resolved `put` has reached the disk. One holder of a lock in all tabs (Web Locks), changes heard by all
 * (BroadcastChannel: id and version only), key pairs that never leave the browser. The key rests in the same database: it
 * keeps nothing from a script in the page, or from who copies the whole profile.
 * @throws StoreError `requirement_not_met`; later `unavailable`, `quota`, `corrupt`, `key_mismatch`, `lock_timeout`
 */
export function indexedDbStore(name: string, options: IndexedDbOptions = {}): CredentialStore {
  const { requires, timeout = 10_000 } = options
  const database = `latchkey ${name}`
  const channel = createChannel(database)
  const traits: StoreTraits = {
    backend: BACKEND,
    scope: 'origin',
    durability: 'power-loss',
    atRest: 'same-disk-key',
    lock: hasWebLocks() ? 'origin' : 'realm',
    notify: channel.reaches,
    maxBytes: Number.POSITIVE_INFINITY,
  }
  meetRequirements(traits, requires)
  const connection = connect(database, timeout)
  const shared = { traits, lock: createWebLock(`${database} `, BACKEND), subscribe: channel.subscribe }
  let store = opened()

  return {
    ...shared,
    get: (id) => withKey(() => store.get(id)),
    put: (id, value, putOptions) => withKey(() => store.put(id, value, putOptions)),
    delete: (id, deleteOptions) => store.delete(id, deleteOptions),
    async keyPair(id, make) {
      const known = await get<CryptoKeyPair>(pair(id), connection)
      if (known) return known
      const made = await make()
      let kept = made
      await update<CryptoKeyPair>(pair(id), (current) => (kept = current ?? made), connection)
      return kept
    },
    details: () => browserDetails(database),
  }

  /** The same records behind the key that is there now. */
  function opened(): CredentialStore {
    let readFrom: IDBDatabase | undefined
    const watched: UseStore = (mode, callback) =>
      connection(mode, (objects) => {
        readFrom = objects.transaction.db
        return callback(objects)
      })
    const plain = records(connection, shared, (db) => db === readFrom, channel.tell)
    return sealed(plain, () => sealingKey(watched), { namespace: name, setAside: ['corrupt', 'key_mismatch'] })
  }

  /** Once more with the key read anew: another tab may have deleted the database, and the key with it. */
  async function withKey<T>(work: () => Promise<T>): Promise<T> {
    const before = store
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof OtherKey) && (error as { code?: unknown }).code !== 'key_mismatch') throw error
      if (store === before) store = opened()
      return work()
    }
  }
}

/** Whether the browser may evict the database, how full the origin is, and who holds or awaits locks. */
async function browserDetails(database: string): Promise<Record<string, unknown>> {
  const { storage, locks } = globalThis.navigator ?? {}
  const [persisted, space, all] = await Promise.all([storage?.persisted?.(), storage?.estimate?.(), locks?.query?.()])
  const ours = (some?: readonly LockInfo[]) => some?.filter(({ name }) => name?.startsWith(`${database} `)).length
  return {
    database,
    persisted,
    usage: space?.usage,
    quota: space?.quota,
    locksHeld: ours(all?.held),
    locksAwaited: ours(all?.pending),
  }
}

/** The database is another than the one the key was read from. */
class OtherKey extends StoreError {
  constructor() {
    super('unavailable', BACKEND, 'The database was deleted while it was written to. Try again.')
  }
}

/** Made once, however many tabs ask at the same time: what is awaited is awaited before the transaction. */
async function sealingKey(use: UseStore): Promise<CryptoKey> {
  const known = await get<CryptoKey>(KEY, use)
  if (known) return known
  const fresh = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
  let kept = fresh
  await update<CryptoKey>(KEY, (current) => (kept = current ?? fresh), use)
  return kept
}

/** Compare-and-set on bytes that are sealed already: no promise is awaited inside a transaction. */
function records(
  use: UseStore,
  shared: Pick<CredentialStore, 'traits' | 'lock' | 'subscribe'>,
  sameDatabase: (db: IDBDatabase) => boolean,
  tell: (id: string, version: Version | null) => void,
): CredentialStore {
  return {
    ...shared,
    async get(id) {
      const kept = await get<Kept>(record(id), use)
      return kept && entryOf(kept)
    },
    async put(id, value, { ifVersion }) {
      // Drawn, not counted: nothing needs to stay of a deleted record for its versions never to be used again.
      const version = hex(crypto.getRandomValues(new Uint8Array(16))) as Version
      const result = await inTransaction<PutResult>(use, id, (objects, current) => {
        if (!sameDatabase(objects.transaction.db)) throw new OtherKey()
        // A write that was committed just before its connection was lost is found again.
        if (current?.version === version) return { ok: true, version }
        if ((current?.version ?? null) !== ifVersion) return { ok: false, current: current && entryOf(current) }
        objects.put({ version, value: new Uint8Array(value) } satisfies Kept, record(id))
        return { ok: true, version }
      })
      if (result.ok) tell(id, result.version)
      return result
    },
    async delete(id, { ifVersion } = {}) {
      const result = await inTransaction(use, id, (objects, current) => {
        if (current && ifVersion !== undefined && current.version !== ifVersion) return 'conflict'
        if (current || ifVersion === undefined) objects.delete(pair(id))
        if (!current) return 'absent'
        objects.delete(record(id))
        return 'deleted'
      })
      if (result === 'deleted') tell(id, null)
      return result
    },
  }
}

/** Reads the record and decides in one transaction; resolves when what was decided has reached the disk. */
function inTransaction<T>(
  use: UseStore,
  id: string,
  decide: (objects: IDBObjectStore, current: Kept | undefined) => T,
): Promise<T> {
  return use('readwrite', (objects) => {
    const reading: IDBRequest<Kept | undefined> = objects.get(record(id))
    return new Promise<T>((resolve, reject) => {
      reading.onerror = () => reject(reading.error)
      reading.onsuccess = () => {
        try {
          const result = decide(objects, reading.result)
          resolve(promisifyRequest(objects.transaction).then(() => result))
        } catch (error) {
          reject(error)
        }
      }
    })
  })
}

function entryOf({ version, value }: Kept): Entry {
  return { value: new Uint8Array(value), version }
}
