import type { Bytes } from '../types.ts'
import { native } from './native.ts'

/** Argon2id (RFC 9106): `memory` in KiB. */
interface Argon2id {
  readonly algorithm: 'argon2id'
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
}

/** scrypt (RFC 7914): `cost` is N, a power of two. */
interface Scrypt {
  readonly algorithm: 'scrypt'
  readonly cost: number
  readonly blockSize: number
  readonly parallelism: number
}

export type Derivation = Argon2id | Scrypt

const LENGTH = 32

/** True where Argon2id runs as native code, off the main thread: elsewhere scrypt is the quicker of the two for its strength. */
export function hasNativeArgon2(): boolean {
  return typeof native()?.argon2 === 'function'
}

/** 32 bytes from a text that people can remember; with the same salt and the same costs, the same bytes in every runtime. */
export async function derive(text: Bytes, salt: Bytes, costs: Derivation): Promise<Bytes> {
  return new Uint8Array(
    costs.algorithm === 'argon2id' ? await argon2id(text, salt, costs) : await scrypt(text, salt, costs),
  )
}

async function argon2id(text: Bytes, salt: Bytes, { memory, passes, parallelism }: Argon2id): Promise<Uint8Array> {
  const node = native()
  if (node?.argon2)
    return promised((done) =>
      node.argon2?.('argon2id', { message: text, nonce: salt, memory, passes, parallelism, tagLength: LENGTH }, done),
    )
  const { argon2idAsync } = await import('@noble/hashes/argon2.js')
  return argon2idAsync(text, salt, { m: memory, t: passes, p: parallelism, dkLen: LENGTH })
}

async function scrypt(text: Bytes, salt: Bytes, { cost, blockSize, parallelism }: Scrypt): Promise<Uint8Array> {
  const node = native()
  const costs = {
    N: cost,
    r: blockSize,
    p: parallelism,
    maxmem: 256 * cost * blockSize + 1024 * blockSize * parallelism,
  }
  if (node?.scrypt) return promised((done) => node.scrypt?.(text, salt, LENGTH, costs, done))
  const { scryptAsync } = await import('@noble/hashes/scrypt.js')
  return scryptAsync(text, salt, { ...costs, dkLen: LENGTH })
}

function promised(start: (done: (error: unknown, key: Uint8Array) => void) => void): Promise<Uint8Array> {
  return new Promise((resolve, reject) => start((error, key) => (error ? reject(error) : resolve(key))))
}
