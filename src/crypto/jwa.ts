import type { KeyParameters } from './key.ts'

const ED25519: KeyParameters = { name: 'Ed25519' }

/**
 * What Web Crypto needs for the algorithms of JWS (RFC 7518, section 3.1; RFC 8037, `EdDSA`; RFC 9864, `Ed25519`, the same by
 * its full name): to import a key and to use it, it picks what it needs of these.
 */
export const jwa: Readonly<Record<string, KeyParameters>> = {
  ...family('HS', 'HMAC'),
  ...family('RS', 'RSASSA-PKCS1-v1_5'),
  ...family('PS', 'RSA-PSS'),
  ES256: { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' },
  ES384: { name: 'ECDSA', hash: 'SHA-384', namedCurve: 'P-384' },
  ES512: { name: 'ECDSA', hash: 'SHA-512', namedCurve: 'P-521' },
  EdDSA: ED25519,
  Ed25519: ED25519,
}

function family(prefix: string, name: string): Record<string, KeyParameters> {
  const bits = [256, 384, 512]
  return Object.fromEntries(bits.map((n) => [prefix + n, { name, hash: `SHA-${n}`, saltLength: n / 8 }]))
}
