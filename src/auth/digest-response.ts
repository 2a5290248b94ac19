import type { Algorithm } from '../crypto/algorithm.ts'
import { hex, utf8 } from '../crypto/bytes.ts'
import { absorbed, digest } from '../crypto/hash.ts'
import type { Hashing } from '../crypto/native.ts'
import type { Bytes } from '../types.ts'
import type { DigestAlgorithm } from './digest-challenge.ts'

// The computations of RFC 7616, sections 3.4.1 to 3.4.4 and 3.5.

// One module an algorithm, loaded when a server asks for it.
const algorithms: Record<DigestAlgorithm, () => Promise<Algorithm>> = {
  'SHA-512-256': async () => (await import('../crypto/sha512-256.ts')).algorithm,
  'SHA-256': async () => (await import('../crypto/sha256.ts')).algorithm,
  MD5: async () => (await import('../crypto/md5.ts')).algorithm,
}

/** A hash in hexadecimal. A text that a server wrote counts as the bytes it came in. */
export type Hash = (...parts: readonly (string | Bytes)[]) => string

export async function hashOf(name: DigestAlgorithm): Promise<Hash> {
  const { hash } = await algorithms[name]()
  return (...parts) => parts.reduce((hashing: Hashing, part) => hashing.update(part), hash()).digest('hex')
}

const SHORT = 8192

/** The hash of content, which may be long. */
export async function contentHash(name: DigestAlgorithm, content: Bytes): Promise<string> {
  const { hash, hex: hexHash } = await algorithms[name]()
  if (content.length <= SHORT) return hexHash(content)
  if (name === 'SHA-256') return hex(await digest('sha256', content))
  return hex(await absorbed(hash(), new Blob([content]).stream()))
}

/** Fetch shows each byte of a header as one character: this is the way back. */
export function asReceived(text: string): Bytes {
  return /[^\0-\xff]/.test(text) ? utf8(text) : Uint8Array.from(text, (character) => character.charCodeAt(0))
}

/** What a response is computed from, beside the keys. */
export interface Turn {
  readonly nonce: string
  /** undefined for RFC 2069. */
  readonly qop: string | undefined
  /** Eight hexadecimal digits. */
  readonly nc: string
  readonly cnonce: string
}

/** `response`, or `rspauth` (sections 3.4.1 and 3.5), from the hashes of A1 and A2. */
export function response(hash: Hash, a1: string, turn: Turn, a2: string): string {
  return hash(`${a1}:`, ...turnText(turn), `:${a2}`)
}

/** What stands between the two hashes. */
function turnText({ nonce, qop, nc, cnonce }: Turn): (string | Bytes)[] {
  return [asReceived(nonce), qop ? `:${nc}:${cnonce}:${qop}` : '']
}
