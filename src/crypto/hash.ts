import type { Bytes } from '../types.ts'
import type { Algorithm } from './algorithm.ts'
import type { Hashing } from './native.ts'

export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512'

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
export async function digest(name: HashName, data: Bytes): Promise<Bytes> {
  const { hash } = await algorithms[name]()
  if (data.length <= SHORT) return new Uint8Array(hash().update(data).digest())
  return new Uint8Array(await crypto.subtle.digest(webCryptoName(name), data))
}

/** A MAC (RFC 2104) whose key was prepared once. */
export type Mac = (message: Bytes) => Bytes | Promise<Bytes>

export async function createMac(name: HashName, key: Bytes): Promise<Mac> {
  const mac = (await algorithms[name]()).hmac(key)
  let imported: Promise<CryptoKey> | undefined
  return (message) => {
    if (message.length <= SHORT || !key.length) return new Uint8Array(mac().update(message).digest())
    imported ??= crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: webCryptoName(name) }, false, ['sign'])
    return imported
      .then((cryptoKey) => crypto.subtle.sign('HMAC', cryptoKey, message))
      .then((mac) => new Uint8Array(mac))
  }
}

/** The digest of a stream (FIPS 180-4), which is read to its end and never held as a whole. */
export async function digestStream(name: HashName, stream: ReadableStream<Uint8Array>): Promise<Bytes> {
  return absorbed((await algorithms[name]()).hash(), stream)
}

/** Reads the stream to its end, in slices, so that others have their turn. */
export async function absorbed(hashing: Hashing, stream: ReadableStream<Uint8Array>): Promise<Bytes> {
  const reader = stream.getReader()
  for (let since = 0; ; ) {
    const { done, value } = await reader.read()
    if (done) return new Uint8Array(hashing.digest())
    for (let offset = 0; offset < value.length; offset += SLICE) {
      const slice = value.subarray(offset, offset + SLICE)
      hashing.update(slice)
      since += slice.length
      if (since < SLICE) continue
      since = 0
      await turn()
    }
  }
}

function webCryptoName(name: HashName): string {
  return name.replace('sha', 'SHA-')
}

// A stream in memory answers within the same task: only another task lets others have their turn. A timer is the slow way,
// which browsers hold up for 4 ms.
function turn(): Promise<unknown> {
  const { scheduler } = globalThis as { scheduler?: { yield?(): Promise<void> } }
  return scheduler?.yield?.() ?? new Promise((resolve) => setTimeout(resolve))
}
