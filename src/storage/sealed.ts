import { concat } from '../crypto/bytes.ts'
import { LatchkeyError, StoreError } from '../errors.ts'
import type { Bytes, CredentialStore, Entry, PutResult, StoreTraits } from '../types.ts'
import { associatedData, DERIVATION, newHeader, OVERHEAD, readEnvelope } from './envelope.ts'
import { meetRequirements, protects, type Requirements } from './requirements.ts'
import { type KeySource, keySource, type SealingKey } from './sealing-key.ts'

export { type Passphrase, type PassphraseOptions, passphrase } from './passphrase.ts'
export type { Requirements, SealingKey }

export interface SealedOptions {
  /** Names whose records these are: one key may serve several applications, and none opens another's. Default: `''`. */
  namespace?: string
  /** The least this store must do; checked at once. */
  requires?: Requirements
  /**
   * Which unreadable records a create moves out of its way, to the id `<id>~unreadable~<version>`. Default: `['corrupt']`;
   * with `'key_mismatch'` too, whoever lost the key can start anew.
   */
  setAside?: readonly Unreadable[]
}

type Unreadable = 'corrupt' | 'key_mismatch'

/**
 * Any store, with every value encrypted and authenticated by AES-256-GCM (NIST SP 800-38D) before it gets there.
 *
 * Several keys: the first writes, all read, so a key is changed by `[new, old]`, and a record follows when it is next
 * saved. A record that was damaged, edited, or moved from another id is `corrupt`; one that none of the keys opens is
 * `key_mismatch`. Both stay where they are: `get` never takes them for absent, and only `delete` gives them up. An old
 * copy of the whole record, put back by who can write to the store, cannot be told from the record itself.
 * @throws StoreError `requirement_not_met`; LatchkeyError `invalid_option`
 */
export function sealed(
  store: CredentialStore,
  key: SealingKey | readonly SealingKey[],
  options: SealedOptions = {},
): CredentialStore {
  const { namespace = '', requires, setAside = ['corrupt'] } = options
  const { backend } = store.traits
  const given = Array.isArray(key) ? (key as readonly SealingKey[]) : [key as SealingKey]
  const sources = given.map((each, i) => keySource(each, backend, i === 0))
  const [first] = sources
  if (!first) throw new LatchkeyError('invalid_option', '`key` must hold at least one key.')
  const traits = traitsOf(store.traits, sources)
  meetRequirements(traits, requires)
  const { keyPair, subscribe } = store

  return {
    traits,
    async get(id) {
      const entry = await store.get(id)
      return entry && open(id, entry)
    },
    async put(id, value, { ifVersion }) {
      const record = await seal(id, value)
      for (;;) {
        const result = await store.put(id, record, { ifVersion })
        if (result.ok || !result.current) return result
        const moved = await openOrMove(id, result.current, ifVersion === null)
        if (moved !== 'moved') return { ok: false, current: moved }
        const replaced: PutResult = await store.put(id, record, { ifVersion: result.current.version })
        if (replaced.ok) return replaced
      }
    },
    delete: (id, deleteOptions) => store.delete(id, deleteOptions),
    lock: (id, task, lockOptions) => store.lock(id, task, lockOptions),
    ...(subscribe && { subscribe: (id, listener) => subscribe.call(store, id, listener) }),
    // A store keeps key pairs as objects that cannot be exported: there are no bytes to seal.
    ...(keyPair && { keyPair: (id, make) => keyPair.call(store, id, make) }),
    details: () => ({ wrapper: 'sealed', keys: sources.map(({ kind }) => kind), store }),
  }

  async function seal(id: string, value: Uint8Array): Promise<Bytes> {
    const content = new Uint8Array(value)
    const { key, id: keyId, derivation } = await (first as KeySource).writing()
    const { header, iv } = newHeader(keyId as Bytes, derivation)
    const additionalData = associatedData(header, namespace, id)
    return concat(
      header,
      new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, key, content)),
    )
  }

  async function open(id: string, { value, version }: Entry): Promise<Entry> {
    const envelope = readEnvelope(value)
    if (!envelope) throw corrupt()
    if (envelope === 'newer')
      throw new StoreError(
        'unavailable',
        backend,
        'The record was sealed by a newer Latchkey. It is kept: update this one.',
      )
    const additionalData = associatedData(envelope.header, namespace, id)
    let meant = false
    for (const source of sources) {
      const ready = await source.reading(envelope)
      if (!ready || (ready.id && !same(ready.id, envelope.keyId))) continue
      const content = await crypto.subtle
        .decrypt({ name: 'AES-GCM', iv: envelope.iv, additionalData }, ready.key, envelope.ciphertext)
        .catch(() => undefined)
      if (content) return { value: new Uint8Array(content), version }
      meant ||= ready.id !== undefined
    }
    if (meant) throw corrupt()
    for (const source of sources) source.forget(envelope)
    throw mismatch()
  }

  /** The entry, when it can be read; else, for a create, the record is kept under another id. */
  async function openOrMove(id: string, current: Entry, create: boolean): Promise<Entry | 'moved'> {
    try {
      return await open(id, current)
    } catch (error) {
      if (!create || !(error instanceof StoreError) || !setAside.includes(error.code as Unreadable)) throw error
      // A conflict means that somebody else has moved this very version.
      await store.put(`${id}~unreadable~${current.version}`, current.value, { ifVersion: null })
      return 'moved'
    }
  }

  function corrupt(): StoreError {
    return new StoreError(
      'corrupt',
      backend,
      'The record is damaged, was edited, or belongs to another id. It is kept; a create with `ifVersion: null` moves it aside.',
    )
  }

  function mismatch(): StoreError {
    return new StoreError(
      'key_mismatch',
      backend,
      'The record was sealed with another key. It is kept: give that key after the new one, `sealed(store, [new, old])`, or `delete` the record.',
    )
  }
}

function traitsOf(inner: StoreTraits, sources: readonly KeySource[]): StoreTraits {
  // What was sealed with the weakest key may still rest; who wants the content must break the store's own protection too.
  const weakest = sources.map((source) => source.atRest).reduce((a, b) => (protects(a, b) ? b : a))
  const derivation = sources[0]?.kind === 'passphrase' ? DERIVATION : 0
  return {
    ...inner,
    atRest: protects(inner.atRest, weakest) ? inner.atRest : weakest,
    maxBytes: inner.maxBytes - OVERHEAD - derivation,
  }
}

function same(a: Bytes, b: Bytes): boolean {
  return a.every((byte, i) => byte === b[i])
}
