import { randomBytes } from 'node:crypto'
import { clearInterval, setInterval } from 'node:timers'
import type { CredentialStore, Entry, StoreTraits, Version } from '../../types.ts'
import { recordKey } from '../record-key.ts'
import { meetRequirements, type Requirements } from '../requirements.ts'
import { type SealingKey, sealed } from '../sealed.ts'
import { poll, turns } from '../turns.ts'
import { wholeLease } from '../whole-lease.ts'
import { type Database, openDatabase, type Row } from './database.ts'
import { busyError, failed, isBusy, storeError } from './failure.ts'
import { fileLocks } from './lock.ts'
import { defaultPath, factsOf, prepare } from './place.ts'

export interface SqliteStoreOptions {
  /** Names the folder of the default path: the name of your application. Default: `'latchkey'`. */
  name?: string
  /**
   * The database file. Folder and file must be open to the user alone (modes 700 and 600); what is missing is made so.
   * Default: `credentials.db` in a folder `name` of `$XDG_STATE_HOME` or `~/.local/state`, on macOS of
   * `~/Library/Application Support`, on Windows of `%LOCALAPPDATA%`.
   */
  path?: string
  /** Seals every record, as `sealed(store, key)` does. Default: none, so whoever reads the file reads the records. */
  key?: SealingKey | readonly SealingKey[]
  /** The least this store must do; checked at once. Default: `{}`. */
  requires?: Requirements
}

/** A store that holds files open; after `close` every call rejects with `closed`, also one that waits for a lock. A task that holds one ends in peace. */
export interface ClosableStore extends CredentialStore {
  close(): Promise<void>
}

const TRAITS: StoreTraits = {
  backend: 'sqlite',
  scope: 'user',
  durability: 'power-loss',
  atRest: 'none',
  lock: 'kernel',
  notify: 'poll',
  maxBytes: 2 ** 24,
}

interface Opened {
  readonly database: Database
  readonly lock: ReturnType<typeof fileLocks>
}

interface Watched {
  /** undefined until it was read once. */
  version: string | null | undefined
  readonly listeners: Set<(change: { version: Version | null }) => void>
}

/** Milliseconds a call waits for another process in the middle of its own. */
const BUSY_WAIT = 5000
/** Milliseconds between two looks at what others changed. */
const LOOK = 250

/**
 * Credentials in a SQLite file of this user, shared by all processes and threads that give the same path; Node 22.13, Deno
 * and Bun.
 *
 * Without `key`, whoever can read the file reads the records. Not for network drives. Its calls reject with StoreError:
 * `unavailable`, `corrupt`, `quota`, `too_large`, `closed`, `lock_timeout`, or `requirement_not_met` when others may open
 * the file.
 * @throws StoreError `requirement_not_met`; LatchkeyError `invalid_option`
 */
export function sqliteStore(options: SqliteStoreOptions = {}): ClosableStore {
  const { name = 'latchkey', path = defaultPath(name, 'credentials.db'), key, requires = {} } = options
  if (!key) {
    meetRequirements(TRAITS, requires)
    return plainStore(path)
  }
  const store = plainStore(path)
  return { ...sealed(store, key, { requires }), close: store.close }
}

function plainStore(path: string): ClosableStore {
  const inTurn = turns(TRAITS.backend)
  const watched = new Map<string, Watched>()
  let opened: Opened | undefined
  let closed = false
  let looking: ReturnType<typeof setInterval> | undefined

  return {
    traits: TRAITS,
    get: (id) => calling(({ database }) => entryOf(database.read(recordKey(id)))),
    async put(id, value, { ifVersion }) {
      if (value.length > TRAITS.maxBytes)
        throw failed('too_large', `A value may have ${TRAITS.maxBytes} bytes at most.`)
      const [key, copy] = [recordKey(id), new Uint8Array(value)]
      const version = randomBytes(16).toString('base64url') as Version
      return calling(({ database }) => {
        const written =
          ifVersion === null ? database.create(key, copy, version) : database.replace(key, copy, version, ifVersion)
        if (!written) return { ok: false, current: entryOf(database.read(key)) }
        noticed(key, version)
        return { ok: true, version }
      })
    },
    delete: (id, { ifVersion } = {}) =>
      calling(({ database }) => {
        const key = recordKey(id)
        if (!database.remove(key, ifVersion)) return database.read(key) ? 'conflict' : 'absent'
        noticed(key, null)
        return 'deleted'
      }),
    lock: (id, task, options) =>
      inTurn(
        recordKey(id),
        async (patience) => {
          const { lock } = await calling((open) => open)
          const free = await lock(recordKey(id), patience)
          try {
            return await task(wholeLease())
          } finally {
            free()
          }
        },
        options,
      ),
    subscribe(id, listener) {
      const key = recordKey(id)
      const those = watched.get(key) ?? { version: versionNow(key), listeners: new Set() }
      watched.set(key, those)
      those.listeners.add(listener)
      looking ??= setInterval(look, LOOK).unref()
      return () => {
        those.listeners.delete(listener)
        if (!those.listeners.size && watched.get(key) === those) watched.delete(key)
        if (!watched.size) stopLooking()
      }
    },
    details: () => ({
      sqlite: process.versions.sqlite,
      open: opened !== undefined,
      watched: watched.size,
      ...factsOf(path),
    }),
    async close() {
      closed = true
      stopLooking()
      drop()
    },
  }

  /** Opens where need be, and works; while another process is in the middle of a write, again and again. */
  async function calling<T>(work: (open: Opened) => T): Promise<T> {
    const patience = { until: performance.now() + BUSY_WAIT, signal: undefined, over: () => busyError(path) }
    const { result } = await poll(() => {
      try {
        return { result: attempt(work) }
      } catch (error) {
        if (isBusy(error)) return undefined
        throw storeError(error, path)
      }
    }, patience)
    return result
  }

  function attempt<T>(work: (open: Opened) => T): T {
    mayGoOn()
    // Whoever deleted or replaced the file meant it: what is written into the old one is lost.
    if (opened && !opened.database.current()) drop()
    opened ??= open(path, mayGoOn)
    return work(opened)
  }

  function mayGoOn(): void {
    if (closed) throw failed('closed', 'This store was closed. Make another one.')
  }

  function drop(): void {
    const before = opened
    opened = undefined
    before?.database.close()
  }

  function look(): void {
    for (const key of watched.keys()) noticed(key, versionNow(key))
  }

  /** undefined while nobody knows. */
  function versionNow(key: string): string | null | undefined {
    try {
      return attempt(({ database }) => database.read(key)?.version ?? null)
    } catch {
      return undefined
    }
  }

  function noticed(key: string, version: string | null | undefined): void {
    const those = watched.get(key)
    if (!those || version === undefined || version === those.version) return
    const first = those.version === undefined
    those.version = version
    if (first) return
    for (const listener of those.listeners) queueMicrotask(() => listener({ version: version as Version | null }))
  }

  function stopLooking(): void {
    clearInterval(looking)
    looking = undefined
  }
}

function open(path: string, mayGoOn: () => void): Opened {
  const file = prepare(path)
  return { database: openDatabase(file), lock: fileLocks(file, mayGoOn) }
}

function entryOf(row: Row | undefined): Entry | undefined {
  return row && { value: row.value, version: row.version as Version }
}
