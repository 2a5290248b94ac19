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
  create(): Running
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

// Measured on Node 24: one by one, the two are equal at 8 kB for SHA-512 and at 16 kB for SHA-1 and SHA-256; at 1 MB Web
// Crypto wins by a factor of five to seven, and leaves the thread free.
const SHORT = 8192
// Half a millisecond of work at the speed measured, and so less than ten on a machine ten times slower.
const SLICE = 65_536

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

/** The digest of a stream (FIPS 180-4), which is read to its end and never held as a whole. */
export async function digestStream(hash: HashName, stream: ReadableStream<Uint8Array>): Promise<Bytes> {
  const algorithm = await algorithms[hash]()
  return absorbed(algorithm.create(), stream)
}

/** The MAC of a stream (RFC 2104), which is read to its end and never held as a whole. */
export async function macStream(hash: HashName, key: Bytes, stream: ReadableStream<Uint8Array>): Promise<Bytes> {
  const algorithm = await algorithms[hash]()
  return absorbed(algorithm.hmac(key), stream)
}

/** Reads the stream to its end, in slices, so that others have their turn. */
export async function absorbed(running: Running, stream: ReadableStream<Uint8Array>): Promise<Bytes> {
  const reader = stream.getReader()
  for (let since = 0; ; ) {
    const { done, value } = await reader.read()
    if (done) return new Uint8Array(running.digest())
    for (let offset = 0; offset < value.length; offset += SLICE) {
      const slice = value.subarray(offset, offset + SLICE)
      running.update(slice)
      since += slice.length
      if (since < SLICE) continue
      since = 0
      await turn()
    }
  }
}

// A stream in memory answers within the same task: only another task lets others have their turn. A timer is the slow way,
// which browsers hold up for 4 ms.
function turn(): Promise<unknown> {
  const { scheduler } = globalThis as { scheduler?: { yield?(): Promise<void> } }
  return scheduler?.yield?.() ?? new Promise((resolve) => setTimeout(resolve))
}
