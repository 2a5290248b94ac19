import { CredentialError, LatchkeyError } from '../errors.ts'
import type { CryptoKey, JsonWebKey } from '../platform.ts'
import type { Curve } from './pem.ts'

/** What Web Crypto needs to import a key, and to use it. */
export interface KeyParameters {
  readonly name: string
  readonly hash?: string
  readonly namedCurve?: Curve
  readonly saltLength?: number
}

/** A CryptoKey, a JWK (RFC 7517), PEM (RFC 7468), or the bytes of a shared secret. */
export type KeySource = CryptoKey | JsonWebKey | string | Uint8Array

const PURPOSE = ['alg', 'use', 'key_ops', 'ext']
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi']

/**
 * The key for Web Crypto, in whatever form it was given. `unfit` makes the error from what is wrong with it.
 * @throws CredentialError what `unfit` made; `runtime_unsupported`
 */
export async function importKey(
  source: KeySource,
  algorithm: string,
  parameters: KeyParameters,
  usage: 'sign' | 'verify',
  unfit: (why: string) => CredentialError,
): Promise<CryptoKey> {
  let key: CryptoKey
  try {
    key = source instanceof globalThis.CryptoKey ? source : await imported(source, parameters, usage, unfit)
  } catch (error) {
    if (error instanceof LatchkeyError) throw error
    if ((error as Error)?.name === 'NotSupportedError')
      throw new CredentialError('runtime_unsupported', `Web Crypto of this runtime does not know ${algorithm}.`)
    // The platform's own words may quote the key.
    throw unfit('Web Crypto cannot read it as one')
  }
  const { name, hash, namedCurve, modulusLength } = key.algorithm as Partial<RsaHashedKeyAlgorithm & EcKeyAlgorithm>
  if (name !== parameters.name || namedCurve !== parameters.namedCurve || !key.usages.includes(usage))
    throw unfit('it is made for something else')
  if (hash && hash.name !== parameters.hash) throw unfit(`it is made for ${hash.name}`)
  // RFC 7518, sections 3.3 and 3.5.
  if (modulusLength && modulusLength < 2048) throw unfit('it has fewer than 2048 bits')
  return key
}

async function imported(
  source: Exclude<KeySource, CryptoKey>,
  parameters: KeyParameters,
  usage: 'sign' | 'verify',
  unfit: (why: string) => CredentialError,
): Promise<CryptoKey> {
  const { subtle } = crypto
  if (typeof source === 'object' && 'kty' in source) {
    // What a JWK says it is for may be narrower, or another name for the same.
    const jwk: Record<string, unknown> = { ...source }
    for (const name of usage === 'sign' ? PURPOSE : [...PURPOSE, ...PRIVATE]) delete jwk[name]
    if (usage === 'sign' && source.d === undefined && source.k === undefined) throw unfit('it is a public one')
    return subtle.importKey('jwk', jwk, parameters, false, [usage])
  }
  if (parameters.name === 'HMAC') {
    const secret = Uint8Array.from(source as Uint8Array)
    if (!secret.length) throw unfit('it is empty')
    return subtle.importKey('raw', secret, parameters, false, [usage])
  }
  if (typeof source !== 'string') throw unfit('it is bytes, which may be a secret only')
  // Pages have other forms: who gives none as PEM loads none of this.
  const { pkcs8, spki } = await import('./pem.ts')
  const bytes = usage === 'sign' ? pkcs8(source, parameters.namedCurve) : spki(source)
  if (typeof bytes === 'string') throw unfit(`it is ${bytes}`)
  return subtle.importKey(usage === 'sign' ? 'pkcs8' : 'spki', bytes, parameters, false, [usage])
}
