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

/** The algorithm that `Want-Content-Digest` or `Want-Repr-Digest` (RFC 9530, section 4) prefers among those known here. */
export function wantedDigest(value: string | null): DigestAlgorithm | undefined {
  const wanted = parseDictionary(value ?? '')
  const preference = (name: string): number => {
    const member = wanted?.get(name)
    const weight = member && 'value' in member ? Number(member.value) : 0
    return weight >= 1 && weight <= 10 ? weight : 0
  }
  const [best] = [...digestAlgorithms].sort((a, b) => preference(b) - preference(a)) as [DigestAlgorithm]
  return preference(best) ? best : undefined
}

async function digest(bytes: Bytes, name: string): Promise<string> {
  let binary = ''
  for (const byte of new Uint8Array(await crypto.subtle.digest(name.toUpperCase(), bytes)))
    binary += String.fromCharCode(byte)
  return `:${btoa(binary)}:`
}
