import { type Credential, checkCredential, readCredential } from '../credential.ts'
import { concat, hex, uint32, utf8 } from '../crypto/bytes.ts'
import { type Derivation, derive, hasNativeArgon2 } from '../crypto/kdf.ts'
import { LatchkeyError } from '../errors.ts'
import type { CryptoKey } from '../platform.ts'
import type { Bytes } from '../types.ts'
import { DERIVATION } from './envelope.ts'

const SALT: number = DERIVATION - 13
const ALGORITHMS = ['argon2id', 'scrypt'] as const
// The costs that OWASP's Password Storage Cheat Sheet gives.
const ARGON2ID = { algorithm: 'argon2id', memory: 19_456, passes: 2, parallelism: 1 } as const
const SCRYPT = { algorithm: 'scrypt', cost: 131_072, blockSize: 8, parallelism: 1 } as const
// More than anybody sets, in bytes: of memory, and written to memory in all.
const MOST: Effort = { memory: 2 ** 30, work: 2 ** 34 }
// What a record may cost that asks for more than the options do: who can write to the store must not stop the reader.
const MOST_OF_A_RECORD: Effort = { memory: 2 ** 28, work: 2 ** 30 }
const MOST_LANES = 16
const MOST_BLOCKS = 64
/** Derived keys that are remembered; a store that others write to could name any number. */
const MOST_KEYS = 32

/** In bytes. */
interface Effort {
  readonly memory: number
  readonly work: number
}

export interface PassphraseOptions {
  /** `'argon2id'` (RFC 9106) where the runtime has it as native code, else `'scrypt'` (RFC 7914). Both are read everywhere. */
  algorithm?: Derivation['algorithm']
  /** `memory` in KiB, 19 456; `passes`, 2; `parallelism`, 1. */
  argon2id?: { memory?: number; passes?: number; parallelism?: number }
  /** `cost` (N, a power of two), 131 072; `blockSize` (r), 8; `parallelism` (p), 1. */
  scrypt?: { cost?: number; blockSize?: number; parallelism?: number }
}

/** A key that comes from what a person can remember; `passphrase()` makes one. */
export class Passphrase {
  readonly #text: Credential
  readonly #wanted: Derivation
  readonly #keys = new Map<string, Promise<CryptoKey>>()
  #current: Bytes | undefined
  #deriving: Promise<unknown> = Promise.resolve()

  constructor(text: Credential, wanted: Derivation) {
    this.#text = text
    this.#wanted = wanted
    Object.freeze(this)
  }

  /** The key that a record's derivation names; undefined when no passphrase ever was derived like that. */
  async key(derivation: Bytes): Promise<CryptoKey | undefined> {
    const costs = parsed(derivation)
    if (!costs || !(within(costs, MOST_OF_A_RECORD) || within(costs, effort(this.#wanted)))) return undefined
    const key = await this.#derived(derivation, costs)
    if (!this.#current && suffices(costs, this.#wanted)) this.#current = derivation
    return key
  }

  /** What new records are sealed with: a derivation that was read and is strong enough, or a new one. */
  current(): Bytes {
    this.#current ??= written(this.#wanted, crypto.getRandomValues(new Uint8Array(SALT)))
    return this.#current
  }

  /** What a function gave may have been mistyped: it is asked once more. */
  forget(derivation: Bytes): void {
    if (typeof this.#text === 'function') this.#keys.delete(hex(derivation))
  }

  #derived(derivation: Bytes, costs: Derivation): Promise<CryptoKey> {
    const name = hex(derivation)
    const known = this.#keys.get(name)
    if (known) return known
    // One at a time: each takes its memory for itself.
    const key = this.#deriving.then(() => this.#derive(derivation.subarray(-SALT), costs))
    this.#deriving = key.catch(() => {})
    if (this.#keys.size >= MOST_KEYS) this.#keys.delete(this.#keys.keys().next().value as string)
    this.#keys.set(name, key)
    key.catch(() => this.#keys.delete(name))
    return key
  }

  async #derive(salt: Bytes, costs: Derivation): Promise<CryptoKey> {
    const text = await readCredential(this.#text, 'passphrase')
    // As NIST SP 800-63B asks: the same characters, typed on different systems, are the same passphrase.
    const bytes = await derive(utf8(text.normalize('NFKC')), new Uint8Array(salt), costs)
    return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
  }
}

/**
 * A sealing key derived from a passphrase by Argon2id (RFC 9106) or scrypt (RFC 7914), native where the runtime has it.
 *
 * The costs stand in each record; raise them here, and each record follows when it is next saved. A record that asks for
 * more than 256 MiB of memory, or 1 GiB over all passes and lanes, is opened only where these options ask for as much. The
 * key is derived on first use, which takes from 60 ms to 1 s, and then remembered.
 * @throws CredentialError `credential_invalid`; LatchkeyError `invalid_option`
 */
export function passphrase(text: Credential, options: PassphraseOptions = {}): Passphrase {
  checkCredential(text, 'passphrase')
  const { algorithm = hasNativeArgon2() ? 'argon2id' : 'scrypt' } = options
  if (!ALGORITHMS.includes(algorithm))
    throw new LatchkeyError('invalid_option', "`algorithm` must be 'argon2id' or 'scrypt'.")
  const wanted = algorithm === 'argon2id' ? { ...ARGON2ID, ...options.argon2id } : { ...SCRYPT, ...options.scrypt }
  if (!sound(wanted))
    throw new LatchkeyError(
      'invalid_option',
      `\`${algorithm}\` must be whole numbers: at most 1 GiB of memory${algorithm === 'scrypt' ? ', a `cost` that is a power of two' : ', at least 8 KiB a lane'}, at most ${MOST_LANES} lanes.`,
    )
  return new Passphrase(text, wanted)
}

function costsOf(costs: Derivation): [number, number, number] {
  return costs.algorithm === 'argon2id'
    ? [costs.memory, costs.passes, costs.parallelism]
    : [costs.cost, costs.blockSize, costs.parallelism]
}

function suffices(costs: Derivation, wanted: Derivation): boolean {
  if (costs.algorithm !== wanted.algorithm) return false
  const least = costsOf(wanted)
  return costsOf(costs).every((cost, i) => cost >= (least[i] as number))
}

function sound(costs: Derivation): boolean {
  const numbers = costsOf(costs)
  if (!numbers.every((cost) => Number.isInteger(cost) && cost > 0) || costs.parallelism > MOST_LANES) return false
  if (!within(costs, MOST)) return false
  if (costs.algorithm === 'argon2id') return costs.memory >= 8 * costs.parallelism
  return costs.cost > 1 && Number.isInteger(Math.log2(costs.cost)) && costs.blockSize <= MOST_BLOCKS
}

function effort(costs: Derivation): Effort {
  if (costs.algorithm === 'argon2id') return { memory: 1024 * costs.memory, work: 1024 * costs.memory * costs.passes }
  const memory = 128 * costs.cost * costs.blockSize
  return { memory, work: memory * costs.parallelism }
}

function within(costs: Derivation, most: Effort): boolean {
  const { memory, work } = effort(costs)
  return memory <= most.memory && work <= most.work
}

function written(costs: Derivation, salt: Bytes): Bytes {
  return concat(Uint8Array.of(ALGORITHMS.indexOf(costs.algorithm)), uint32(...costsOf(costs)), salt)
}

function parsed(derivation: Bytes): Derivation | undefined {
  const algorithm = ALGORITHMS[derivation[0] ?? -1]
  if (!algorithm || derivation.length !== DERIVATION) return undefined
  const view = new DataView(derivation.buffer, derivation.byteOffset)
  const [first, second, parallelism] = [1, 5, 9].map((at) => view.getUint32(at)) as [number, number, number]
  const costs: Derivation =
    algorithm === 'argon2id'
      ? { algorithm, memory: first, passes: second, parallelism }
      : { algorithm, cost: first, blockSize: second, parallelism }
  return sound(costs) ? costs : undefined
}
