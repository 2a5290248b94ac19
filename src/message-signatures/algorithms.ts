import { notEmpty } from '../credential.ts'
import { fromBase64, fromHex, utf8 } from '../crypto/bytes.ts'
import { CredentialError, LatchkeyError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import { reveal } from '../secret.ts'
import type { Bytes } from '../types.ts'
import { invalid } from './signature-error.ts'

/** The algorithms of the registry (RFC 9421, section 6.2.2). */
export type SignatureAlgorithm =
  | 'hmac-sha256'
  | 'rsa-pss-sha512'
  | 'rsa-v1_5-sha256'
  | 'ecdsa-p256-sha256'
  | 'ecdsa-p384-sha384'
  | 'ed25519'

/** A key of Web Crypto, a JWK (RFC 7517), PEM (`PRIVATE KEY` or `PUBLIC KEY`), or the shared secret of `hmac-sha256`. */
export type SignatureKey = CryptoKey | JsonWebKey | string | Secret<string> | Uint8Array

export type SecretEncoding = 'utf8' | 'base64' | 'hex'

interface Parameters {
  readonly name: string
  readonly hash?: string
  readonly namedCurve?: string
  readonly saltLength?: number
}

const SHA_256 = 'SHA-256'
// Section 3.3: to import a key and to use it, Web Crypto picks what it needs of these.
const ALGORITHMS: Readonly<Record<SignatureAlgorithm, Parameters>> = {
  'hmac-sha256': { name: 'HMAC', hash: SHA_256 },
  'rsa-pss-sha512': { name: 'RSA-PSS', hash: 'SHA-512', saltLength: 64 },
  'rsa-v1_5-sha256': { name: 'RSASSA-PKCS1-v1_5', hash: SHA_256 },
  'ecdsa-p256-sha256': { name: 'ECDSA', namedCurve: 'P-256', hash: SHA_256 },
  'ecdsa-p384-sha384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  ed25519: { name: 'Ed25519' },
}

const signatureAlgorithms: readonly string[] = Object.keys(ALGORITHMS)

/** @throws LatchkeyError `invalid_option` */
export function checkAlgorithm(algorithm: SignatureAlgorithm): void {
  if (!signatureAlgorithms.includes(algorithm))
    throw invalid(`\`algorithm\` must be one of ${signatureAlgorithms.join(', ')}.`)
}

/** Refuses at creation what can be known to be wrong then. @throws CredentialError `credential_invalid` */
export function checkSecret(key: SignatureKey, algorithm: SignatureAlgorithm, encoding?: SecretEncoding): void {
  const text = reveal(key as string | Secret<string>)
  if (algorithm === 'hmac-sha256' && typeof text === 'string') secretOf(text, encoding)
}

/**
 * The key for Web Crypto, which knows then what it may be used for.
 * @throws CredentialError `credential_invalid` for a key that is none of this algorithm; `runtime_unsupported`
 */
export async function importKey(
  given: SignatureKey,
  algorithm: SignatureAlgorithm,
  usage: 'sign' | 'verify',
  encoding?: SecretEncoding,
): Promise<CryptoKey> {
  const parameters = ALGORITHMS[algorithm]
  const key = reveal(given as string | Secret<string>) as Exclude<SignatureKey, Secret<string>>
  try {
    const done = await imported(key, parameters, usage, encoding)
    if (fits(done, parameters, usage)) return done
  } catch (error) {
    if (error instanceof LatchkeyError) throw error
    if ((error as Error)?.name === 'NotSupportedError')
      throw new CredentialError('runtime_unsupported', `Web Crypto of this runtime does not know ${algorithm}.`)
  }
  throw new CredentialError(
    'credential_invalid',
    `\`key\` is none to ${usage} with ${algorithm}: give a CryptoKey for that, a JWK, PEM (BEGIN PRIVATE KEY, BEGIN PUBLIC KEY), or the secret.`,
  )
}

export async function sign(algorithm: SignatureAlgorithm, key: CryptoKey, base: string): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign(ALGORITHMS[algorithm], key, utf8(base)))
}

export async function verify(
  algorithm: SignatureAlgorithm,
  key: CryptoKey,
  signature: Bytes,
  base: string,
): Promise<boolean> {
  return crypto.subtle.verify(ALGORITHMS[algorithm], key, signature, utf8(base))
}

async function imported(
  key: CryptoKey | JsonWebKey | string | Uint8Array,
  parameters: Parameters,
  usage: 'sign' | 'verify',
  encoding: SecretEncoding | undefined,
): Promise<CryptoKey> {
  const { subtle } = crypto
  if (key instanceof CryptoKey) return key
  if (typeof key === 'object' && 'kty' in key) {
    const { kty, crv, x, y, n, e, k, d, p, q, dp, dq, qi } = key
    // What else a JWK says, e.g. `alg` in the words of JOSE, runtimes judge in different ways.
    const jwk = { kty, crv, x, y, n, e, k, ...(usage === 'sign' && { d, p, q, dp, dq, qi }) }
    const defined = Object.fromEntries(Object.entries(jwk).filter(([, value]) => value !== undefined))
    return subtle.importKey('jwk', defined as JsonWebKey, parameters, false, [usage])
  }
  if (parameters.name === 'HMAC') {
    const bytes = key instanceof Uint8Array ? new Uint8Array(key) : secretOf(key as string, encoding)
    return subtle.importKey('raw', bytes, parameters, false, [usage])
  }
  const [label, format] = usage === 'sign' ? (['PRIVATE', 'pkcs8'] as const) : (['PUBLIC', 'spki'] as const)
  const pem = new RegExp(`^-----BEGIN ${label} KEY-----([\\w+/=\\s]+)-----END ${label} KEY-----$`).exec(
    String(key).trim(),
  )
  return subtle.importKey(format, fromBase64(pem?.[1]?.replace(/\s/g, '') ?? '') as Bytes, parameters, false, [usage])
}

function secretOf(text: string, encoding: SecretEncoding = 'utf8'): Bytes {
  const decode = { utf8, base64: fromBase64, hex: fromHex }[encoding]
  const bytes = decode?.(notEmpty(text, 'key'))
  if (!bytes)
    throw new CredentialError('credential_invalid', `\`key\` is not ${encoding}. Is \`secretEncoding\` right?`)
  return bytes
}

function fits(key: CryptoKey, { name, hash, namedCurve }: Parameters, usage: KeyUsage): boolean {
  const own = key.algorithm as { name: string; hash?: { name: string }; namedCurve?: string }
  return (
    own.name === name &&
    key.usages.includes(usage) &&
    own.namedCurve === namedCurve &&
    (own.hash === undefined || own.hash.name === hash)
  )
}
