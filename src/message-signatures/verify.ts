import { fromBase64 } from '../crypto/bytes.ts'
import { LatchkeyError } from '../errors.ts'
import { checkDigest } from '../http/content-digest.ts'
import { type Dictionary, type FieldType, type InnerList, parseDictionary, unquoted } from '../http/structured-field.ts'
import type { Awaitable, Bytes } from '../types.ts'
import {
  checkAlgorithm,
  importKey,
  type SecretEncoding,
  type SignatureAlgorithm,
  type SignatureKey,
  verify,
} from './algorithms.ts'
import { identityOf, parseComponent } from './components.ts'
import { fieldOf, type Message, type RequestMessage } from './message.ts'
import { signatureBase } from './signature-base.ts'
import { invalid, SignatureError } from './signature-error.ts'
import { factsOf, malformed, type SignatureFacts } from './signature-facts.ts'

/** A key belongs to one algorithm: what the message says of it decides nothing. */
export interface VerificationKey {
  key: SignatureKey
  algorithm: SignatureAlgorithm
  /** How a shared secret that is a text writes its bytes. Default `'utf8'`. */
  secretEncoding?: SecretEncoding
}

export interface VerifierOptions {
  /** The key of a signature, mostly by its `keyid`; undefined when there is none. */
  keys: (signature: SignatureFacts) => Awaitable<VerificationKey | undefined>
  /** What must be covered at least. An empty list takes a signature that covers nothing. */
  components: readonly string[] | ((message: Message) => readonly string[])
  /** How old a signature may be, in milliseconds; false for any, also one that does not say when it was made. Default 300 000. */
  maxAge?: number | false
  /** How far the two clocks may differ, in milliseconds. Default 30 000. */
  tolerance?: number
  /** Default: all of the registry. */
  algorithms?: readonly SignatureAlgorithm[]
  /** Only signatures with this label count. Default: any. */
  label?: string
  /** Only signatures for this application or profile count. Default: any. */
  tag?: string
  /** Takes note of a nonce, and says false when it was seen before. Default: none is asked for. */
  nonce?: (nonce: string, signature: SignatureFacts) => Awaitable<boolean>
  /** The types of fields, for components with `sf`. Default: what can be read as a list is one, else it is a dictionary. */
  structuredFields?: Readonly<Record<string, FieldType>>
}

/** What belongs to a message beside its head. */
export interface VerifyContext {
  /** The content as it came, for a signature that covers `content-digest`, or a function that reads it; false where something else checks it. */
  body?: Bytes | false | (() => Awaitable<Bytes>)
  /** What a response answers, for components with `req`. */
  request?: RequestMessage
  /** Milliseconds since the epoch. Default: the clock of this machine. */
  now?: number
}

export interface SignatureVerifier {
  /**
   * Resolves to the first signature that is right and meets the policy.
   * @throws SignatureError and no other error, but LatchkeyErrors for keys that cannot be used
   */
  verify(message: Message, context?: VerifyContext): Promise<SignatureFacts>
}

// Enough for a client and all proxies on the way; each may cost the lookup of a key.
const MOST_SIGNATURES = 10
const LONGEST = 65_536

/**
 * Verifies signatures of requests and responses (RFC 9421, section 3.2) by a policy.
 * @throws LatchkeyError `invalid_option`; SignatureError `component_unavailable` for a component that is none
 */
export function signatureVerifier(options: VerifierOptions): SignatureVerifier {
  const {
    keys,
    components,
    maxAge = 300_000,
    tolerance = 30_000,
    algorithms,
    label,
    tag,
    nonce,
    structuredFields,
  } = options
  if (typeof keys !== 'function' || !(Array.isArray(components) || typeof components === 'function'))
    throw invalid('`keys` must be a function, and `components` a list of what must be covered.')
  if (!(maxAge === false || maxAge > 0) || !(tolerance >= 0))
    throw invalid('`maxAge` must be milliseconds or false, and `tolerance` milliseconds.')
  for (const algorithm of algorithms ?? []) checkAlgorithm(algorithm)
  if (Array.isArray(components)) components.forEach(parseComponent)

  return {
    async verify(message, context = {}) {
      const { headers } = message
      const inputs = dictionary(fieldOf(headers, 'signature-input'))
      const signatures = dictionary(fieldOf(headers, 'signature'))
      let failure: SignatureError | undefined
      let tried = 0
      for (const [name, input] of inputs) {
        if (label !== undefined && name !== label) continue
        if (tag !== undefined && unquoted(input.parameters.get('tag')) !== tag) continue
        if (++tried > MOST_SIGNATURES) break
        try {
          return await one(name, input as InnerList, signatures, message, context)
        } catch (error) {
          if (!(error instanceof SignatureError)) throw error
          // That somebody else signed too says less than why ours failed.
          if (!failure || failure.code === 'key_unknown') failure = error
        }
      }
      throw failure ?? new SignatureError('signature_missing', 'The message carries no signature that is asked for.')
    },
  }

  async function one(
    name: string,
    input: InnerList,
    signatures: Dictionary,
    message: Message,
    { body, request, now = Date.now() }: VerifyContext,
  ): Promise<SignatureFacts> {
    const facts = factsOf(name, input)
    const covered = new Set(input.items.map(identityOf))
    const missing = (typeof components === 'function' ? components(message) : components).find(
      (component) => !covered.has(identityOf(parseComponent(component))),
    )
    if (missing !== undefined) throw unacceptable(`${missing} is not covered`)
    if (maxAge !== false && facts.createdAt === undefined) throw unacceptable('it does not say when it was made')
    if (nonce && facts.nonce === undefined) throw unacceptable('it has no nonce')

    const found = await own('keys', () => keys(facts))
    if (!found) throw new SignatureError('key_unknown', 'No key is known for this signature.')
    const { key, algorithm, secretEncoding } = found
    checkAlgorithm(algorithm)
    if (facts.alg !== undefined && facts.alg !== algorithm) throw unacceptable('its algorithm is not that of the key')
    if (algorithms && !algorithms.includes(algorithm)) throw unacceptable(`${algorithm} is not allowed`)

    const signature = bytesOf(signatures, name)
    const base = signatureBase(input, { message, request, structuredFields })
    const imported = await importKey(key, algorithm, 'verify', secretEncoding)
    if (!(await verify(algorithm, imported, signature, base)))
      throw new SignatureError(
        'signature_invalid',
        'The signature is not right: another key, or a message that changed.',
      )
    // Only now is what it says the signer's word.
    const { createdAt = now, expiresAt = now } = facts
    if (
      now > expiresAt + tolerance ||
      createdAt > now + tolerance ||
      now - createdAt > (maxAge || Infinity) + tolerance
    )
      throw new SignatureError('signature_expired', 'The signature is right, but too old, over, or ahead of time.')
    await checkContent(facts, message, body)
    if (nonce && !(await own('nonce', () => nonce(facts.nonce as string, facts))))
      throw new SignatureError('nonce_refused', 'The signature is right, but its nonce was used before.')
    return facts
  }
}

/** A signature over a digest says nothing of the content until the two are compared (RFC 9421, section 7.2.8). */
async function checkContent(
  { components }: SignatureFacts,
  message: Message,
  body: VerifyContext['body'],
): Promise<void> {
  const covers = components.some((one) => one.startsWith('"content-digest"') && !one.includes(';req'))
  if (!covers || body === false) return
  if (!body)
    throw new SignatureError(
      'content_unreadable',
      'The signature covers `content-digest`: pass `body`, the content as it came, or false where something else checks it.',
    )
  const bytes = typeof body === 'function' ? await body() : body
  const verdict = await checkDigest(fieldOf(message.headers, 'content-digest') ?? '', bytes)
  if (verdict !== 'right')
    throw new SignatureError(
      'digest_mismatch',
      'The content is not the one that was signed, or its digest is of no known algorithm.',
    )
}

function bytesOf(signatures: Dictionary, label: string): Bytes {
  const member = signatures.get(label)
  const value = member && 'value' in member ? member.value : ''
  const bytes = value.startsWith(':') ? fromBase64(value.slice(1, -1)) : undefined
  if (!bytes) throw malformed('No signature has the label of this input.')
  return bytes
}

function dictionary(text: string | undefined): Dictionary {
  const found = (text?.length ?? 0) > LONGEST ? undefined : parseDictionary(text ?? '')
  if (!found) throw malformed('`Signature-Input` or `Signature` is no dictionary, or too long.')
  return found
}

async function own<T>(what: string, task: () => Awaitable<T>): Promise<T> {
  try {
    return await task()
  } catch (error) {
    if (error instanceof LatchkeyError) throw error
    throw invalid(`\`${what}\` failed. Catch and log inside it to see why.`)
  }
}

function unacceptable(why: string): SignatureError {
  return new SignatureError('signature_unacceptable', `The signature is not acceptable: ${why}.`)
}
