import { randomUUID } from 'node:crypto'
import { fromUtf8, utf8 } from '../../crypto/bytes.ts'
import { equal } from '../../crypto/equal.ts'
import { LatchkeyError, StoreError } from '../../errors.ts'
import type { Bytes, CredentialStore, StoreTraits, Version } from '../../types.ts'
import { meetRequirements, type Requirements } from '../requirements.ts'
import { type SealedOptions, sealed } from '../sealed.ts'
import { defaultPath } from '../sqlite/place.ts'
import { type ClosableStore, sqliteStore } from '../sqlite/sqlite.ts'
import { BACKEND, type Secrets, secretsOf } from './secrets.ts'

export interface KeychainStoreOptions {
  /** Your application, as users see it in their keychain; also the folder of the default path. */
  service: string
  /** The file of the sealed records. Default: as for `sqliteStore`, but `keychain.db`: the two may stand side by side. */
  path?: string
  /** Milliseconds to wait for a keychain, which may ask its user for a password. Default: 60 000. */
  timeout?: number
  /**
   * With `'key_mismatch'` too, an application whose key is gone from the keychain starts anew: a new key, and unreadable
   * records are moved aside when one is made in their place. Default: `['corrupt']`.
   */
  setAside?: SealedOptions['setAside']
  /** The least this store must do; checked at once. Default: `{}`. */
  requires?: Requirements
}

interface Key {
  readonly key: Bytes
  /** Of the record that names it. */
  readonly version: Version
}

/** Names the keychain's entry of the key, in the database the key is for. */
const KEY_RECORD = '~key~'

/**
 * Credentials in a SQLite file, sealed with a key that only the keychain of the signed-in user holds: Secret Service on Linux,
 * Keychain on macOS, Credential Manager on Windows. Needs `@napi-rs/keyring`.
 *
 * The keychain is asked once per store, when a record is first read or written. Its calls reject as those of `sqliteStore`,
 * and with `locked`, with `unavailable` where there is no keychain, and with `key_mismatch` where the key is gone but
 * records sealed with it are not: they are kept. Nothing ever falls back to a weaker place.
 * @throws StoreError `requirement_not_met`; LatchkeyError `invalid_option`
 */
export function keychainStore(options: KeychainStoreOptions): ClosableStore {
  const { service, timeout = 60_000, setAside = ['corrupt'], requires = {} } = options
  if (!service) throw new LatchkeyError('invalid_option', '`service` is missing: the name of your application.')
  const { path = defaultPath(service, 'keychain.db') } = options
  const file = sqliteStore({ path })
  const records = { ...file, traits: { ...file.traits, backend: BACKEND } }
  const anew = setAside.includes('key_mismatch')
  let store = opened()
  /** The version of the record that names the key, as it was when the key was asked for. */
  let named: Version | undefined
  const traits: StoreTraits = { ...store.traits, atRest: 'os-user' }
  meetRequirements(traits, requires)
  return {
    ...store,
    traits,
    get: async (id) => (await withKey()).get(id),
    put: async (id, value, putOptions) => (await withKey()).put(id, value, putOptions),
    close: file.close,
  }

  function opened(): CredentialStore {
    const asked = async () => {
      const { key, version } = await sealingKey(records, service, timeout, anew)
      named = version
      return key
    }
    return sealed(records, asked, { namespace: service, setAside })
  }

  /** The records with the key they name now: the file may be another one since, and a key goes with its file. */
  async function withKey(): Promise<CredentialStore> {
    const now = await records.get(KEY_RECORD)
    if (now?.version !== named) {
      named = now?.version
      store = opened()
    }
    return store
  }
}

/** The key of this database, made by whoever comes first. */
function sealingKey(records: CredentialStore, service: string, timeout: number, anew: boolean): Promise<Key> {
  return records.lock(
    KEY_RECORD,
    async () => {
      const secrets = await secretsOf(service, timeout)
      const known = await records.get(KEY_RECORD)
      const key = known && (await secrets.read(fromUtf8(known.value)))
      if (known && key?.length === 32) return { key, version: known.version }
      // Only a keychain that can be written and read says truly that it has no such entry.
      await probe(secrets)
      if (known && !anew) {
        throw new StoreError(
          'key_mismatch',
          BACKEND,
          "The key of these records is no longer in the keychain. They are kept: bring the keychain back, or start anew with `setAside: ['corrupt', 'key_mismatch']`.",
        )
      }
      return newKey(secrets, records, known?.version ?? null)
    },
    { wait: timeout },
  )
}

async function newKey(secrets: Secrets, records: CredentialStore, ifVersion: Version | null): Promise<Key> {
  const [account, key] = [`sealing-key-${randomUUID()}`, crypto.getRandomValues(new Uint8Array(32))]
  await writeAndCheck(secrets, account, key)
  // The entry before its name: a name without an entry would look like a key that was lost.
  const result = await records.put(KEY_RECORD, utf8(account), { ifVersion })
  // What nobody can find again must seal nothing.
  if (!result.ok)
    throw new StoreError('unavailable', BACKEND, 'The file was replaced while its key was made. Try again.')
  return { key, version: result.version }
}

async function probe(secrets: Secrets): Promise<void> {
  const account = `probe-${randomUUID()}`
  await writeAndCheck(secrets, account, crypto.getRandomValues(new Uint8Array(32)))
  await secrets.remove(account)
}

async function writeAndCheck(secrets: Secrets, account: string, secret: Bytes): Promise<void> {
  await secrets.write(account, secret)
  const read = await secrets.read(account)
  if (!read || !equal(read, secret)) {
    throw new StoreError(
      'unavailable',
      BACKEND,
      'The keychain did not give back what was put into it. Nothing was stored.',
    )
  }
}
