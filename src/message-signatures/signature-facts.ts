import { type InnerList, serialize, unquoted } from '../http/structured-field.ts'
import type { SignatureParameters } from './sign.ts'
import { SignatureError } from './signature-error.ts'

/** What a signature says of itself. Nobody vouches for it before the signature is verified. */
export interface SignatureFacts extends SignatureParameters {
  readonly label: string
  /** The identifiers of the covered components, as the signature writes them. */
  readonly components: readonly string[]
}

const MOST_COMPONENTS = 100

/** @throws SignatureError `signature_malformed` */
export function factsOf(label: string, input: InnerList): SignatureFacts {
  const { items, parameters } = input
  if (!items || items.length > MOST_COMPONENTS) throw malformed('What it covers is no list, or too long.')
  if (items.some(({ value }) => unquoted(value) === undefined)) throw malformed('A component is no string.')
  const read = <T>(name: string, as: (text: string) => T | undefined): T | undefined => {
    const text = parameters.get(name)
    const value = text === undefined ? undefined : as(text)
    if (text !== undefined && value === undefined) throw malformed(`The parameter ${name} is of another type.`)
    return value
  }
  const instant = (text: string) => (/^-?\d+$/.test(text) ? Number(text) * 1000 : undefined)
  return {
    label,
    components: items.map(serialize),
    createdAt: read('created', instant),
    expiresAt: read('expires', instant),
    nonce: read('nonce', unquoted),
    alg: read('alg', unquoted),
    keyid: read('keyid', unquoted),
    tag: read('tag', unquoted),
  }
}

export function malformed(why: string): SignatureError {
  return new SignatureError('signature_malformed', why)
}
