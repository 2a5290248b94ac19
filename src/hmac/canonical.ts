import { base64, hex, utf8 } from '../crypto/bytes.ts'
import { createMac, digest, type HashName } from '../crypto/hash.ts'
import { compare } from '../http/compare.ts'
import { percentEncode } from '../http/percent-encode.ts'
import type { Bytes } from '../types.ts'

// What the canonical forms of the vendors share.

/** The query as a server reads it, for schemes that sign before encoding. */
export function decoded(query: string): string {
  return decodeURIComponent(query.replaceAll('+', ' '))
}

/** Parameters in one encoding, sorted by name and then by value, both encoded. */
export function sorted(parameters: Iterable<readonly [string, string]>): string {
  const pairs = Array.from(parameters, ([name, value]) => [percentEncode(name), percentEncode(value)] as const)
  return pairs
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map((pair) => pair.join('='))
    .join('&')
}

/** True for the media type of a form; types are not case-sensitive (RFC 9110, section 8.3.1). */
export function isForm(type: string | null): boolean {
  return /^application\/x-www-form-urlencoded *(;|$)/i.test(type ?? '')
}

/** `name:value` of each header of that name or prefix and of the host, sorted by name. */
export function canonicalHeaders(
  headers: Headers,
  host: string,
  wanted: RegExp,
): { readonly names: string; readonly lines: string } {
  const all = new Map([...headers].filter(([name]) => wanted.test(name)))
  const entries = [...all.set('host', host)].sort(([a], [b]) => compare(a, b))
  return {
    names: entries.map(([name]) => name).join(';'),
    lines: entries.map(([name, value]) => `${name}:${value}\n`).join(''),
  }
}

export async function hexDigest(hash: HashName, data: string | Bytes): Promise<string> {
  return hex(await digest(hash, typeof data === 'string' ? utf8(data) : data))
}

export async function base64Digest(hash: HashName, data: Bytes): Promise<string> {
  return base64(await digest(hash, data))
}

/** Derives a key by HMAC-SHA256 over each part, keyed with the result before. */
export async function derived(secret: Bytes, ...parts: readonly string[]): Promise<Bytes> {
  let key = secret
  for (const part of parts) key = await (await createMac('sha256', key))(utf8(part))
  return key
}
