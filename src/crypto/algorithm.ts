import { hex, utf8 } from './bytes.ts'
import { type Hashing, native } from './native.ts'

export interface Algorithm {
  /** At once, in hexadecimal. A text counts as UTF-8. */
  hex(data: string | Uint8Array): string
  /** In steps. */
  hash(): Hashing
  /** HMAC (RFC 2104). The key is prepared once. */
  hmac(key: Uint8Array): () => Hashing
}

/** What we use of a noble hash, so that no caller depends on the library. */
interface Noble {
  (data: Uint8Array): Uint8Array
  readonly blockLen: number
  create(): Running
}
interface Running {
  update(data: Uint8Array): Running
  digest(): Uint8Array
  clone(): Running
}

/** Of the runtime where it has one by this name, or else of noble: the same bytes. */
export function algorithmOf(noble: Noble, name?: string): Algorithm {
  const node = () => (name ? native() : undefined)
  const hash = () => node()?.createHash(name as string) ?? new Portable(noble.create())
  return {
    hex: (data) => node()?.hash?.(name as string, data) ?? hash().update(data).digest('hex'),
    hash,
    hmac(key) {
      // The runtime would take a text, too.
      if (!ArrayBuffer.isView(key)) throw new TypeError('The key of a MAC is bytes.')
      const own = node()
      if (own) return () => own.createHmac(name as string, key)
      const short = key.length > noble.blockLen ? noble(key) : key
      const padded = (pad: number) =>
        noble.create().update(Uint8Array.from({ length: noble.blockLen }, (_, i) => pad ^ (short[i] ?? 0)))
      const [inner, outer] = [padded(0x36), padded(0x5c)]
      return () => new Portable(inner.clone(), outer.clone())
    },
  }
}

class Portable implements Hashing {
  readonly #inner: Running
  readonly #outer: Running | undefined

  /** With an outer hash, it is a MAC. */
  constructor(inner: Running, outer?: Running) {
    this.#inner = inner
    this.#outer = outer
  }

  update(data: string | Uint8Array): this {
    this.#inner.update(typeof data === 'string' ? utf8(data) : data)
    return this
  }

  digest(): Uint8Array
  digest(encoding: 'hex'): string
  digest(encoding?: 'hex'): Uint8Array | string {
    const inner = this.#inner.digest()
    const bytes = this.#outer?.update(inner).digest() ?? inner
    return encoding ? hex(bytes) : bytes
  }
}
