import { utf8 } from '../crypto/bytes.ts'
import { jwa } from '../crypto/jwa.ts'
import { signedJws } from '../crypto/jws.ts'
import { importKey, type KeyParameters, type KeySource } from '../crypto/key.ts'
import { CredentialError, LatchkeyError } from '../errors.ts'
import type { CryptoKey, JsonWebKey } from '../platform.ts'
import { reveal, type Secret } from '../secret.ts'

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

/** @throws LatchkeyError `invalid_option` */
export function checkAlgorithm(algorithm: string): void {
  if (!Object.hasOwn(jwa, algorithm))
    throw new LatchkeyError('invalid_option', `\`algorithm\` of jwt must be one of ${Object.keys(jwa).join(', ')}.`) // biome-ignore format: one line
}

/** Signs a header and claims, with a key that was imported once. */
export type Sign = (header: object, claims: object) => Promise<{ readonly text: string; readonly input: string }>

/** @throws CredentialError `credential_invalid`; `runtime_unsupported` */
export async function createSign(algorithm: JwtAlgorithm, given: JwtKey): Promise<Sign> {
  const parameters = jwa[algorithm] as KeyParameters
  const source = reveal(given as string | Secret<string>) as KeySource
  // A text is PEM, or the secret itself.
  const secret = parameters.name === 'HMAC' && typeof source === 'string'
  const key = await importKey(secret ? utf8(source) : source, algorithm, parameters, 'sign', (why) =>
    unfit(algorithm, why),
  )
  return (header, claims) => signedJws(header, claims, key, parameters)
}

function unfit(algorithm: string, why: string): CredentialError {
  return new CredentialError(
    'credential_invalid',
    `\`key\` of jwt is no private key for ${algorithm}: ${why}. Give a CryptoKey with the usage 'sign', a JWK, PEM that begins with -----BEGIN PRIVATE KEY-----, or a secret for HS256.`,
  )
}
