import { base64 } from '../crypto/bytes.ts'
import {
  type FieldType,
  type InnerList,
  type Member,
  parseDictionary,
  quoted,
  serializeDictionary,
} from '../http/structured-field.ts'
import type { CryptoKey } from '../platform.ts'
import {
  checkAlgorithm,
  importKey,
  type SecretEncoding,
  type SignatureAlgorithm,
  type SignatureKey,
  sign,
} from './algorithms.ts'
import { parseComponent, type Source } from './components.ts'
import { fieldOf, type Message, type RequestMessage } from './message.ts'
import { signatureBase } from './signature-base.ts'
import { invalid } from './signature-error.ts'

/** What is said of a signature (RFC 9421, section 2.3). */
export interface SignatureParameters {
  /** When it was made, in milliseconds since the epoch; written in seconds. */
  readonly createdAt?: number | undefined
  /** When it ends, in milliseconds since the epoch; written in seconds. */
  readonly expiresAt?: number | undefined
  readonly nonce?: string | undefined
  readonly alg?: string | undefined
  readonly keyid?: string | undefined
  /** Which application or profile it is for. */
  readonly tag?: string | undefined
}

export interface SignOptions extends SignatureParameters {
  key: SignatureKey
  algorithm: SignatureAlgorithm
  /** How a shared secret that is a text writes its bytes. Default `'utf8'`. */
  secretEncoding?: SecretEncoding
  /** What the signature covers, e.g. `['@method', '@target-uri', 'content-digest', '@query-param;name="id"']`. */
  components: readonly string[]
  /** Tells the signatures of a message apart. Default `'sig'`. */
  label?: string
  /** What a response answers, for components with `req`. */
  request?: RequestMessage
  /** The types of fields, for components with `sf`. Default: what can be read as a list is one, else it is a dictionary. */
  structuredFields?: Readonly<Record<string, FieldType>>
}

/** The two fields, with the signatures that the message carried before. */
export interface SignatureFields {
  readonly 'signature-input': string
  readonly signature: string
}

/**
 * Signs a request or a response (RFC 9421, section 3.1); `createdAt` is now unless given.
 * @throws SignatureError `component_unavailable` for what the message does not have or must not be covered
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`, `runtime_unsupported`
 */
export async function signMessage(message: Message, options: SignOptions): Promise<SignatureFields> {
  const { key, algorithm, secretEncoding, label = 'sig', components, request, structuredFields, ...rest } = options
  checkAlgorithm(algorithm)
  const covered = cover(components, { createdAt: Date.now(), ...rest })
  const imported = await importKey(key, algorithm, 'sign', secretEncoding)
  return signed({ message, request, structuredFields }, imported, algorithm, label, covered)
}

/** The components, with what is said of the signature: both are covered. */
export function cover(components: readonly string[], parameters: SignatureParameters): InnerList {
  const { createdAt, expiresAt, nonce, alg, keyid, tag } = parameters
  const written = new Map<string, string>()
  for (const [name, at] of Object.entries({ created: createdAt, expires: expiresAt })) {
    if (at === undefined) continue
    if (!Number.isSafeInteger(Math.floor(at))) throw invalid(`\`${name}At\` must be milliseconds since the epoch.`)
    written.set(name, String(Math.floor(at / 1000)))
  }
  for (const [name, text] of Object.entries({ nonce, keyid, alg, tag })) {
    if (text === undefined) continue
    const value = quoted(text)
    if (value === undefined) throw invalid(`\`${name}\` must be visible ASCII.`)
    written.set(name, value)
  }
  return { items: components.map(parseComponent), parameters: written }
}

export async function signed(
  source: Source,
  key: CryptoKey,
  algorithm: SignatureAlgorithm,
  label: string,
  covered: InnerList,
): Promise<SignatureFields> {
  const { headers } = source.message
  const value = `:${base64(await sign(algorithm, key, signatureBase(covered, source)))}:`
  return {
    'signature-input': added(fieldOf(headers, 'signature-input'), label, covered),
    signature: added(fieldOf(headers, 'signature'), label, { value, parameters: new Map() }),
  }
}

/** @throws LatchkeyError `invalid_option` */
export function checkLabel(label: string): void {
  if (!/^[a-z*][a-z\d_.*-]*$/.test(label)) throw invalid("`label` must be a key such as 'sig1', in lower case.")
}

function added(before: string | undefined, label: string, member: Member): string {
  checkLabel(label)
  const others = parseDictionary(before ?? '')
  if (!others || others.has(label))
    throw invalid(
      `The message has signatures that cannot be read, or one with the label ${label}: give another \`label\`.`,
    )
  return serializeDictionary(new Map([...others, [label, member]]))
}
