import { notEmpty } from '../credential.ts'
import { fromBase64, fromHex, utf8 } from '../crypto/bytes.ts'
import { importKey as imported, type KeyParameters, type KeySource } from '../crypto/key.ts'
import { CredentialError } from '../errors.ts'
import type { CryptoKey, JsonWebKey } from '../platform.ts'
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

const SHA_256 = 'SHA-256'
// Section 3.3: to import a key and to use it, Web Crypto picks what it needs of these.
const ALGORITHMS: Readonly<Record<SignatureAlgorithm, KeyParameters>> = {
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
  const key = reveal(given as string | Secret<string>) as KeySource
  const secret = parameters.name === 'HMAC' && typeof key === 'string'
  return imported(secret ? secretOf(key, encoding) : key, algorithm, parameters, usage, (why) => {
    const message = `\`key\` is none to ${usage} with ${algorithm}, ${why}: give a CryptoKey for that, a JWK, PEM (BEGIN PRIVATE KEY, BEGIN PUBLIC KEY), or the secret.`
    return new CredentialError('credential_invalid', message)
  })
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

function secretOf(text: string, encoding: SecretEncoding = 'utf8'): Bytes {
  const decode = { utf8, base64: fromBase64, hex: fromHex }[encoding]
  const bytes = decode?.(notEmpty(text, 'key'))
  if (!bytes)
    throw new CredentialError('credential_invalid', `\`key\` is not ${encoding}. Is \`secretEncoding\` right?`)
  return bytes
}
