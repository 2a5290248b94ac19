import { textDigest } from '../crypto/text-digest.ts'
import { CredentialError } from '../errors.ts'
import type { JsonWebKey } from '../platform.ts'

// What is hashed, in this order (RFC 7638, section 3.2; RFC 8037, section 2).
const REQUIRED: Readonly<Record<string, readonly (keyof JsonWebKey)[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
}

/**
 * The SHA-256 thumbprint of a public key, or of the public half of a private one (RFC 7638), in base64url.
 * @throws CredentialError `credential_invalid`
 */
export async function jwkThumbprint(jwk: JsonWebKey): Promise<string> {
  const names = REQUIRED[jwk.kty ?? '']
  if (!names?.every((name) => typeof jwk[name] === 'string'))
    throw new CredentialError(
      'credential_invalid',
      'The thumbprint is of a JWK with the members of its type (RFC 7638).',
    )
  const members = Object.fromEntries(names.map((name) => [name, jwk[name]]))
  return textDigest(JSON.stringify(members))
}
