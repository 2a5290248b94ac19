import { type Credential, checkCredential, notEmpty } from '../credential.ts'
import { base64, base64url, fromBase64, fromHex, hex, utf8 } from '../crypto/bytes.ts'
import { type HashName, hashNames } from '../crypto/hash.ts'
import { CredentialError, LatchkeyError } from '../errors.ts'
import type { Answer, Awaitable, Bytes } from '../types.ts'
import type { Facts, SignedFacts } from './facts.ts'
import { type NonceFormat, nonceFormats } from './nonce.ts'
import type { Placement } from './placement.ts'
import { type TimestampFormat, timestampFormats } from './timestamp.ts'

export type Credentials = Readonly<Record<string, Credential>>
/** The texts of the credentials. */
export type Read<C> = { readonly [Name in keyof C]: string }
/** Several parts are joined without a separator. */
export type Message = string | Uint8Array | readonly (string | Uint8Array)[]

/** What every scheme asks for. */
export interface KeyOptions {
  /** The public name of the key. */
  keyId: Credential
  /** The secret half of the key, as the vendor shows it. */
  secret: Credential
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

export interface HmacOptions<C extends Credentials = Record<never, never>> {
  /** The public name of the key. Default none. */
  keyId?: Credential
  /** What the MAC is keyed with. */
  secret: Credential
  /** How `secret` writes its bytes. Default `'utf8'`. */
  secretEncoding?: 'utf8' | 'base64' | 'hex'
  /** What else the scheme needs, e.g. a passphrase or a session token: read for each attempt. Default none. */
  credentials?: C
  hash: HashName
  /** How the MAC is written. */
  encoding: 'hex' | 'base64' | 'base64url'
  /** Default `'s'`: seconds since the epoch. */
  timestamp?: TimestampFormat
  /** Default none. */
  nonce?: NonceFormat
  /** What is written first, so that the signature covers it. Default nothing. */
  prepare?: (facts: Facts<Read<C>>) => Awaitable<Placement>
  /** The key of the MAC, for schemes that derive it from the bytes of the secret. Default: these bytes. */
  key?: (secret: Bytes, facts: Facts<Read<C>>) => Awaitable<Bytes>
  /** What that key depends on beside the secret, e.g. the day: it is kept until this text changes. Default: derived for each attempt. */
  keyScope?: (facts: Facts<Read<C>>) => string
  /** For schemes that sign the hash of one: `message` finds it in the facts, and `explain` shows it too. Default none. */
  canonicalRequest?: (facts: Facts<Read<C>>) => Awaitable<string>
  /** What is signed. */
  message: (facts: Facts<Read<C>>) => Awaitable<Message>
  /** Where signature, key id, timestamp and nonce are written. */
  place: (facts: SignedFacts<Read<C>>) => Awaitable<Placement>
  /**
   * Where a refusal is about the clock: the server's time in milliseconds if it can be told and believed, true if not.
   * Default: `Date` of a 400, 401 or 403.
   */
  serverTime?: (answer: Answer, facts: Facts<Read<C>>) => Awaitable<number | boolean | undefined>
  /** False for an answer that is not signed as the server signs its own: it is refused as `server_not_proven`. Default: not asked. */
  verify?: (answer: Answer, facts: Facts<Read<C>>) => Awaitable<boolean>
  /** All that `prepare` and `place` may write, e.g. `['header:x-signature']`. Default: what both return when they are tried once, with made-up facts, at creation. */
  places?: readonly string[]
  /** False for a scheme that does not cover the content, which may then be a stream. Default true. */
  needsBody?: boolean
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

const decode: Record<string, (text: string) => Bytes | undefined> = { utf8, base64: fromBase64, hex: fromHex }

export const encode: Readonly<Record<HmacOptions['encoding'], (bytes: Uint8Array) => string>> = {
  hex,
  base64,
  base64url,
}

/**
 * Refuses what cannot work, before anything is sent.
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `credential_invalid`
 */
export function checkOptions<C extends Credentials>(options: HmacOptions<C>): void {
  oneOf(options.hash, hashNames, 'hash')
  oneOf(options.encoding, Object.keys(encode), 'encoding')
  oneOf(options.secretEncoding ?? 'utf8', Object.keys(decode), 'secretEncoding')
  if (typeof options.timestamp !== 'function') oneOf(options.timestamp ?? 's', timestampFormats, 'timestamp')
  if (typeof options.nonce !== 'function') oneOf(options.nonce ?? 'hex', nonceFormats, 'nonce')
  for (const name of ['message', 'place'] as const)
    if (typeof options[name] !== 'function') throw invalid(`\`${name}\` of hmac must be a function.`)
  checkCredential(options.secret, 'secret', (text) => fitForKey(text, options.secretEncoding))
  for (const [name, value] of namedCredentials(options)) checkCredential(value, name)
}

/** What is read beside the secret. A value that is there but undefined is a mistake, and not the same as none. */
export function namedCredentials(options: { keyId?: Credential; credentials?: Credentials }): [string, Credential][] {
  const { keyId, credentials } = options
  return Object.entries({ ...credentials, ...('keyId' in options && { keyId: keyId as Credential }) })
}

export function fitForKey(text: string, encoding = 'utf8'): string {
  if (!decode[encoding]?.(notEmpty(text, 'secret')))
    throw new CredentialError('credential_invalid', `\`secret\` is not ${encoding}. Is \`secretEncoding\` right?`)
  return text
}

export function keyOf(text: string, encoding = 'utf8'): Bytes {
  return decode[encoding]?.(text) as Bytes
}

export function invalid(message: string): LatchkeyError {
  return new LatchkeyError('invalid_option', message)
}

function oneOf(value: string, allowed: readonly string[], name: string): void {
  if (!allowed.includes(value))
    throw invalid(`\`${name}\` of hmac must be ${allowed.map((word) => `'${word}'`).join(', ')}.`)
}
