import { base64, base64url, fromBase64 } from '../../crypto/bytes.ts'
import { LatchkeyError, StoreError } from '../../errors.ts'
import { LONGEST_TIMER } from '../../timing.ts'
import type { CredentialStore, Entry, RedisClient, RedisSubscriber, StoreTraits, Version } from '../../types.ts'
import { recordKey } from '../record-key.ts'
import type { Requirements } from '../requirements.ts'
import { type SealingKey, sealed } from '../sealed.ts'
import { turns } from '../turns.ts'
import { BACKEND, caller } from './call.ts'
import { leased } from './lease.ts'
import { DELETE, GET, PUT } from './scripts.ts'

export interface RedisStoreOptions {
  /** A connected client of the `redis` package, also of a cluster, or anything with the same `eval`. It stays yours to close. */
  client: RedisClient
  /** Seals every record before it leaves this process: Redis sees no credential. Several keys: the first writes, all read. */
  key: SealingKey | readonly SealingKey[]
  /** What the keys of the records begin with, and part of what the seal binds. Default: `'latchkey:'`. */
  prefix?: string
  /** Hears of changes by others, by version only. Default: none, and the store has no `subscribe`. */
  subscriber?: RedisSubscriber
  /**
   * What your Redis makes of a write. Default: `'lazy'`, for snapshots or `appendfsync everysec`; with `appendfsync always`
   * say `'power-loss'`. A failover may go back to an older record whatever is set.
   */
  durability?: StoreTraits['durability']
  /** Milliseconds after which the lock of a dead holder is free; prolonged three times as often while the task runs. Default: 1000. */
  lease?: number
  /** Milliseconds a call waits for an answer. Default: 5000. */
  timeout?: number
  /** The least this store must do; checked at once. Default: `{}`. */
  requires?: Requirements
}

/**
 * Credentials in Redis 6 or newer, shared by a fleet, sealed on this side of the wire.
 *
 * The lock is a lease: it may pass on while a stopped holder still believes in it, and then `lease.lost` aborts and
 * compare-and-set turns the late write away. Its calls reject with StoreError: `unavailable`, `corrupt`, `key_mismatch`, `quota`,
 * `too_large`, `lock_timeout`.
 * @throws StoreError `requirement_not_met`; LatchkeyError `invalid_option`
 */
export function redisStore(options: RedisStoreOptions): CredentialStore {
  const { client, key, prefix = 'latchkey:', lease = 1000, timeout = 5000, requires = {} } = options
  if (typeof client?.eval !== 'function') {
    throw new LatchkeyError('invalid_option', '`client` must be a connected client of the `redis` package.')
  }
  if (!key) {
    throw new LatchkeyError(
      'invalid_option',
      '`key` is missing: what goes to Redis is always sealed. Give 32 bytes, or `passphrase(…)`.',
    )
  }
  for (const [name, value] of Object.entries({ lease, timeout })) {
    if (!(value >= 100 && value <= LONGEST_TIMER)) {
      throw new LatchkeyError('invalid_option', `\`${name}\` must be a number of milliseconds from 100 on.`)
    }
  }
  return sealed(plainStore({ ...options, prefix, lease, timeout }), key, { namespace: prefix, requires })
}

type Settings = RedisStoreOptions & { prefix: string; lease: number; timeout: number }

function plainStore({ client, subscriber, prefix, lease, timeout, durability = 'lazy' }: Settings): CredentialStore {
  const call = caller(client, timeout)
  const inTurn = turns(BACKEND)
  // The braces put all keys of a record into one slot of a cluster.
  const nameOf = (id: string) => `${prefix}{${recordKey(id)}}`
  const traits: StoreTraits = {
    backend: BACKEND,
    scope: 'fleet',
    durability,
    atRest: 'none',
    lock: 'lease',
    notify: subscriber ? 'push' : 'none',
    maxBytes: 2 ** 24,
  }

  return {
    traits,
    get: async (id) => entryOf(await call(GET, nameOf(id))),
    async put(id, value, { ifVersion }) {
      if (value.length > traits.maxBytes) {
        throw new StoreError('too_large', BACKEND, `A value may have ${traits.maxBytes} bytes at most.`)
      }
      const version = base64url(crypto.getRandomValues(new Uint8Array(16))) as Version
      const answer = await call(PUT, nameOf(id), ifVersion ?? '', version, base64(value))
      return Number(answer) === 1 ? { ok: true, version } : { ok: false, current: entryOf(answer) }
    },
    async delete(id, { ifVersion } = {}) {
      const answer = String(await call(DELETE, nameOf(id), ifVersion ?? ''))
      if (answer === 'deleted' || answer === 'absent' || answer === 'conflict') return answer
      throw misread()
    },
    details: () => ({ lease, timeout }),
    lock: (id, task, options) =>
      inTurn(id, (patience) => leased(call, `${nameOf(id)}:lock`, lease, patience, task), options),
    ...(subscriber && {
      subscribe(id: string, listener: (change: { version: Version | null }) => void) {
        const heard = (message: string) => listener({ version: (String(message) || null) as Version | null })
        // Without a connection nothing is heard, and nothing is claimed: changes are news, never the truth.
        quietly(() => subscriber.subscribe(nameOf(id), heard))
        return () => quietly(() => subscriber.unsubscribe(nameOf(id), heard))
      },
    }),
  }
}

function misread(): StoreError {
  return new StoreError(
    'unavailable',
    BACKEND,
    'The `client` gave something else than Redis answers: its `eval` must return what the script returns.',
  )
}

/** A closed client may reject, or throw. */
function quietly(work: () => Promise<unknown>): void {
  new Promise((resolve) => resolve(work())).catch(() => {})
}

/** undefined where there is none; a record of which a part is missing or spoilt was there. */
function entryOf(answer: unknown): Entry | undefined {
  if (!Array.isArray(answer) || answer.length !== 2) throw misread()
  const [version = null, text = null] = answer as unknown[]
  if (version === null && text === null) return undefined
  const value = text === null ? undefined : fromBase64(String(text))
  if (version === null || !value)
    throw new StoreError('corrupt', BACKEND, 'The record in Redis is damaged. It is kept.')
  return { value, version: String(version) as Version }
}
