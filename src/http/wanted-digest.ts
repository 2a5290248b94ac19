import { type DigestAlgorithm, digestAlgorithms } from './content-digest.ts'
import { parseDictionary } from './structured-field.ts'

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
