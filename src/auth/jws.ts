import { base64url, utf8 } from '../crypto/bytes.ts'
import { type Curve, pkcs8 } from '../crypto/pem.ts'
import { CredentialError, LatchkeyError } from '../errors.ts'
import { reveal, type Secret } from '../secret.ts'
import type { Bytes } from '../types.ts'

// JSON Web Signature, compact form (RFC 7515, section 7.1).

/** A CryptoKey, a JWK (RFC 7517), a private key in PEM, or for HS256 to HS512 the secret as text (UTF-8) or bytes. */
export type JwtKey = CryptoKey | JsonWebKey | string | Secret<string> | Uint8Array

/** RFC 7518, section 3.1; RFC 8037 (`EdDSA`); RFC 9864 (`Ed25519`, the same by its full name). */
export type JwtAlgorithm =
  | 'HS256' | 'HS384' | 'HS512'
  | 'RS256' | 'RS384' | 'RS512'
  | 'PS256' | 'PS384' | 'PS512'
  | 'ES256' | 'ES384' | 'ES512'
  | 'EdDSA' | 'Ed25519' // biome-ignore format: one family a line

/** What Web Crypto needs to import a key, and to use it. */
interface Parameters {
  readonly name: string
  readonly hash?: string
  readonly namedCurve?: Curve
  readonly saltLength?: number
}

const ED25519: Parameters = { name: 'Ed25519' }
const ALGORITHMS: Readonly<Record<string, Parameters>> = {
  ...family('HS', 'HMAC'),
  ...family('RS', 'RSASSA-PKCS1-v1_5'),
  ...family('PS', 'RSA-PSS'),
  ES256: { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' },
  ES384: { name: 'ECDSA', hash: 'SHA-384', namedCurve: 'P-384' },
  ES512: { name: 'ECDSA', hash: 'SHA-512', namedCurve: 'P-521' },
  EdDSA: ED25519,
  Ed25519: ED25519,
}

function family(prefix: string, name: string): Record<string, Parameters> {
  const bits = [256, 384, 512]
  return Object.fromEntries(bits.map((n) => [prefix + n, { name, hash: `SHA-${n}`, saltLength: n / 8 }]))
}

/** @throws LatchkeyError `invalid_option` */
export function checkAlgorithm(algorithm: string): void {
  if (!Object.hasOwn(ALGORITHMS, algorithm))
    throw new LatchkeyError('invalid_option', `\`algorithm\` of jwt must be one of ${Object.keys(ALGORITHMS).join(', ')}.`) // biome-ignore format: one line
}

/** Signs a header and claims, with a key that was imported once. */
export type Sign = (header: object, claims: object) => Promise<{ readonly text: string; readonly input: string }>

/** @throws CredentialError `credential_invalid`; `runtime_unsupported` */
export async function createSign(algorithm: JwtAlgorithm, given: JwtKey): Promise<Sign> {
  const parameters = ALGORITHMS[algorithm] as Parameters
  const key = await imported(algorithm, given)
  return async (header, claims) => {
    const input = [header, claims].map((part) => base64url(utf8(JSON.stringify(part)))).join('.')
    const signature = await crypto.subtle.sign(parameters, key, utf8(input))
    return { text: `${input}.${base64url(new Uint8Array(signature))}`, input }
  }
}

async function imported(algorithm: JwtAlgorithm, given: JwtKey): Promise<CryptoKey> {
  const parameters = ALGORITHMS[algorithm] as Parameters
  const source = reveal(given as string | Secret<string>) as Exclude<JwtKey, Secret<string>>
  const load = (format: 'raw' | 'pkcs8', bytes: Bytes) => crypto.subtle.importKey(format, bytes, parameters, false, ['sign']) // biome-ignore format: one line
  let key: CryptoKey
  try {
    if (source instanceof CryptoKey) key = source
    else if (typeof source === 'object' && 'kty' in source) {
      // What a JWK says it is for may be narrower, or another name for the same.
      const { alg: _, use: __, key_ops: ___, ext: ____, ...jwk } = source
      if (jwk.d === undefined && jwk.k === undefined) throw unfit(algorithm, 'it is a public one')
      key = await crypto.subtle.importKey('jwk', jwk, parameters, false, ['sign'])
    } else if (parameters.name === 'HMAC') {
      const bytes = typeof source === 'string' ? utf8(source) : Uint8Array.from(source as Uint8Array)
      if (!bytes.length) throw unfit(algorithm, 'it is empty')
      key = await load('raw', bytes)
    } else {
      const bytes = typeof source === 'string' ? pkcs8(source, parameters.namedCurve) : 'bytes, which may be a secret for HS256 only' // biome-ignore format: one line
      if (typeof bytes === 'string') throw unfit(algorithm, `it is ${bytes}`)
      key = await load('pkcs8', bytes)
    }
  } catch (error) {
    if (error instanceof LatchkeyError) throw error
    if ((error as Error)?.name === 'NotSupportedError')
      throw new CredentialError('runtime_unsupported', `Web Crypto of this runtime does not know ${algorithm}.`)
    // The platform's own words may quote the key.
    throw unfit(algorithm, 'Web Crypto cannot read it as one')
  }
  const { name, hash = parameters, namedCurve, modulusLength } = key.algorithm as RsaHashedKeyAlgorithm & EcKeyAlgorithm
  if (name !== parameters.name || namedCurve !== parameters.namedCurve || !key.usages.includes('sign'))
    throw unfit(algorithm, 'it is made for something else')
  if (hash !== parameters && hash.name !== parameters.hash) throw unfit(algorithm, `it is made for ${hash.name}`)
  // RFC 7518, sections 3.3 and 3.5.
  if (modulusLength < 2048) throw unfit(algorithm, 'it has fewer than 2048 bits')
  return key
}

function unfit(algorithm: string, why: string): CredentialError {
  return new CredentialError(
    'credential_invalid',
    `\`key\` of jwt is no private key for ${algorithm}: ${why}. Give a CryptoKey with the usage 'sign', a JWK, PEM that begins with -----BEGIN PRIVATE KEY-----, or a secret for HS256.`,
  )
}
