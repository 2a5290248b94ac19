import { type Item, parseDictionary, serialize, unquoted } from '../http/structured-field.ts'
import type { SignatureParameters } from './sign.ts'

/** A signature that the other side asks for. */
export interface AskedSignature {
  readonly label: string
  /** Component identifiers. */
  readonly components: readonly string[]
  readonly nonce: string | undefined
  readonly tag: string | undefined
  /** Whether it wants to be told when the signature ends. */
  readonly expires: boolean
}

/** The first signature that `Accept-Signature` (RFC 9421, section 5.1) asks for, and that who has this key can give. */
export function askedSignature(field: string | null, own: SignatureParameters): AskedSignature | undefined {
  for (const [label, member] of parseDictionary(field ?? '') ?? []) {
    if (!('items' in member)) continue
    const text = (name: string) => unquoted(member.parameters.get(name))
    // A signature for another purpose than ours is nobody's to ask for.
    const differs = (['alg', 'keyid', 'tag'] as const).some((name) => {
      const asked = text(name)
      return asked !== undefined && own[name] !== undefined && asked !== own[name]
    })
    if (differs || !member.items.every(ofRequest)) continue
    const { parameters } = member
    return {
      label,
      components: member.items.map(serialize),
      nonce: text('nonce'),
      tag: text('tag'),
      expires: parameters.has('expires'),
    }
  }
  return undefined
}

function ofRequest({ value, parameters }: Item): boolean {
  return unquoted(value) !== undefined && value !== '"@status"' && !parameters.has('req') && !parameters.has('tr')
}
