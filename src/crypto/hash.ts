import type { Bytes } from '../types.ts'

export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512'

/** What we use of a noble hash, so that no caller depends on the library. */
interface Running {
  update(data: Uint8Array): Running
  digest(): Uint8Array
  clone(): Running
}
interface Algorithm {
  readonly webCrypto: string
  hash(data: Uint8Array): Uint8Array
  hmac(key: Uint8Array): Running
}

// One module a hash, loaded on first use: a bundle carries none that its schemes do not name.
const algorithms: Record<HashName, () => Promise<Algorithm>> = {
  sha1: async () => (await import('./sha1.ts')).algorithm,
  sha256: async () => (await import('./sha256.ts')).algorithm,
  sha384: async () => (await import('./sha384.ts')).algorithm,
  sha512: async () => (await import('./sha512.ts')).algorithm,
}

export const hashNames: readonly string[] = Object.keys(algorithms)

// Measured: up to here a synchronous hash beats the hop to Web Crypto; far above it Web Crypto wins by a factor of ten.
const SHORT = 4096

/** The digest of `data` (FIPS 180-4). */
export async function digest(hash: HashName, data: Bytes): Promise<Bytes> {
  const algorithm = await algorithms[hash]()
  if (data.length <= SHORT) return new Uint8Array(algorithm.hash(data))
  return new Uint8Array(await crypto.subtle.digest(algorithm.webCrypto, data))
}

/** A MAC (RFC 2104) whose key was prepared once. */
export type Mac = (message: Bytes) => Bytes | Promise<Bytes>

export async function createMac(hash: HashName, key: Bytes): Promise<Mac> {
  const algorithm = await algorithms[hash]()
  const prepared = algorithm.hmac(key)
  let imported: Promise<CryptoKey> | undefined
  return (message) => {
    if (message.length <= SHORT || !key.length) return new Uint8Array(prepared.clone().update(message).digest())
    imported ??= crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: algorithm.webCrypto }, false, ['sign'])
    return imported
      .then((cryptoKey) => crypto.subtle.sign('HMAC', cryptoKey, message))
      .then((mac) => new Uint8Array(mac))
  }
}
