import type { Bytes } from '../types.ts'
import { parseDictionary } from './structured-field.ts'

/** The algorithms that are not deprecated (RFC 9530, section 5). */
export type DigestAlgorithm = 'sha-256' | 'sha-512'

export const digestAlgorithms: readonly string[] = ['sha-512', 'sha-256']

/** The value of `Content-Digest` or `Repr-Digest` (RFC 9530, sections 2 and 3): which of the two depends on what the bytes are. */
export async function contentDigest(bytes: Bytes, ...algorithms: DigestAlgorithm[]): Promise<string> {
  const members = algorithms.map(async (name) => `${name}=${await digest(bytes, name)}`)
  return (await Promise.all(members)).join(', ')
}

/**
 * Whether the digests of known algorithms are those of these bytes: `'unknown'` without any, or when the value cannot be read.
 */
export async function checkDigest(value: string, bytes: Bytes): Promise<'right' | 'wrong' | 'unknown'> {
  let verdict: 'right' | 'wrong' | 'unknown' = 'unknown'
  for (const [name, member] of parseDictionary(value) ?? []) {
    if (!digestAlgorithms.includes(name)) continue
    if (!('value' in member) || member.value !== (await digest(bytes, name))) return 'wrong'
    verdict = 'right'
  }
  return verdict
}

async function digest(bytes: Bytes, name: string): Promise<string> {
  let binary = ''
  for (const byte of new Uint8Array(await crypto.subtle.digest(name.toUpperCase(), bytes)))
    binary += String.fromCharCode(byte)
  return `:${btoa(binary)}:`
}
