import { LatchkeyError, StoreError } from '../errors.ts'
import type { CryptoKey } from '../platform.ts'
import type { Awaitable, Bytes, StoreTraits } from '../types.ts'
import type { Envelope } from './envelope.ts'
import type { Passphrase } from './passphrase.ts'

/** 32 random bytes, an AES-GCM `CryptoKey` of 256 bits, `passphrase('…')`, or a function that gives one of the first two. */
export type SealingKey = Uint8Array | CryptoKey | Passphrase | (() => Awaitable<Uint8Array | CryptoKey>)

/** A key that is ready, and how a record names it. */
interface ReadyKey {
  readonly key: CryptoKey
  /** Absent for a key that may only decrypt: such a key is tried on every record. */
  readonly id: Bytes | undefined
  readonly derivation: Bytes
}

/** A key as it was given: asked for when it is first needed, and then kept. */
export interface KeySource {
  readonly kind: 'bytes' | 'CryptoKey' | 'function' | 'passphrase'
  readonly atRest: StoreTraits['atRest']
  writing(): Promise<ReadyKey>
  /** undefined when the record was certainly sealed with another kind of key. */
  reading(envelope: Envelope): Promise<ReadyKey | undefined>
  /** No key opens this record: what a function gave may have been the wrong one, so it is asked once more. */
  forget(envelope: Envelope): void
}

const NONE = new Uint8Array()
const INVALID =
  "A sealing key must be 32 random bytes, an AES-GCM CryptoKey of 256 bits, or passphrase('…') for a text people remember."

/**
 * Checks what can be checked before a key is needed.
 * @throws LatchkeyError `invalid_option`
 */
export function keySource(given: SealingKey, backend: string, writes: boolean): KeySource {
  if (isPassphrase(given)) return fromPassphrase(given)
  const use = writes ? 'encrypt' : 'decrypt'
  if (typeof given === 'function') return fromKey('function', () => provided(given, backend, use))
  const checked = own(given, use)
  return fromKey(checked instanceof Uint8Array ? 'bytes' : 'CryptoKey', () => imported(checked))
}

/** By its shape: who seals with bytes loads nothing of passphrases. */
function isPassphrase(given: SealingKey): given is Passphrase {
  return typeof (given as Passphrase | undefined)?.current === 'function'
}

function fromKey(kind: KeySource['kind'], open: () => Promise<CryptoKey>): KeySource {
  let ready: Promise<ReadyKey> | undefined
  const writing = () => {
    if (!ready) {
      const opening = open().then(named)
      ready = opening
      // A vault that was down is asked again.
      opening.catch(() => {
        if (ready === opening) ready = undefined
      })
    }
    return ready
  }
  const reading = async ({ derivation }: Envelope) => (derivation.length ? undefined : writing())
  const forget = () => {
    if (kind === 'function') ready = undefined
  }
  return { kind, atRest: 'external-key', writing, reading, forget }
}

function fromPassphrase(phrase: Passphrase): KeySource {
  const ids = new WeakMap<CryptoKey, Promise<ReadyKey>>()
  const ready = async (derivation: Bytes) => {
    const key = await phrase.key(derivation)
    if (!key) return undefined
    const known = ids.get(key) ?? named(key, derivation)
    ids.set(key, known)
    return known
  }
  return {
    kind: 'passphrase',
    atRest: 'passphrase',
    writing: async () => (await ready(phrase.current())) as ReadyKey,
    reading: async ({ derivation }) => (derivation.length ? ready(derivation) : undefined),
    forget: ({ derivation }) => phrase.forget(derivation),
  }
}

/**
 * The id is the start of the tag over nothing under the IV of zeros: it says which key it was, and a guess at a passphrase
 * costs as much with it as with the ciphertext beside it, a whole derivation.
 */
async function named(key: CryptoKey, derivation: Bytes = NONE): Promise<ReadyKey> {
  if (!key.usages.includes('encrypt')) return { key, id: undefined, derivation }
  const tag = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, key, NONE)
  return { key, id: new Uint8Array(tag, 0, 8), derivation }
}

async function provided(
  give: () => Awaitable<Uint8Array | CryptoKey>,
  backend: string,
  use: 'encrypt' | 'decrypt',
): Promise<CryptoKey> {
  let given: Uint8Array | CryptoKey
  try {
    given = await give()
  } catch (error) {
    if (error instanceof LatchkeyError) throw error
    // What the user's function threw may quote the key.
    throw new StoreError(
      'unavailable',
      backend,
      'The function that gives the sealing key failed. Catch and log inside it to see why.',
    )
  }
  return imported(own(given, use))
}

/** The key, when it is one; bytes as a copy that the caller cannot change any more. */
function own(given: Uint8Array | CryptoKey, use: 'encrypt' | 'decrypt'): Bytes | CryptoKey {
  if (given instanceof Uint8Array && given.length === 32) return new Uint8Array(given)
  const { algorithm, usages } = (given ?? {}) as Partial<CryptoKey>
  const { name, length } = (algorithm ?? {}) as Partial<AesKeyAlgorithm>
  if (name === 'AES-GCM' && length === 256 && usages?.includes('decrypt') && usages.includes(use))
    return given as CryptoKey
  throw new LatchkeyError('invalid_option', INVALID)
}

async function imported(key: Bytes | CryptoKey): Promise<CryptoKey> {
  if (!(key instanceof Uint8Array)) return key
  return crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt'])
}
