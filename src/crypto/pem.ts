import type { Bytes } from '../types.ts'
import { concat, fromBase64, fromHex } from './bytes.ts'

// Keys as files hold them (RFC 7468), private ones brought into the one form that Web Crypto reads: PKCS #8 (RFC 5958).

const OID = {
  rsa: '06092a864886f70d0101010500',
  'P-256': '06072a8648ce3d020106082a8648ce3d030107',
  'P-384': '06072a8648ce3d020106052b81040022',
  'P-521': '06072a8648ce3d020106052b81040023',
} as const
export type Curve = Exclude<keyof typeof OID, 'rsa'>

/**
 * The bytes of a private key in PKCS #8: also of one in PKCS #1, as GitHub hands them out, or in SEC 1 for a known curve.
 * A text says what stands in its place. Line breaks may be written `\n`, as environment variables often have them.
 */
export function pkcs8(pem: string, curve?: Curve): Bytes | string {
  const { label, bytes } = decoded(pem)
  if (!bytes) return label
  if (label === 'PRIVATE KEY') return bytes
  if (label === 'RSA PRIVATE KEY') return wrapped(OID.rsa, bytes)
  if (label === 'EC PRIVATE KEY' && curve) return wrapped(OID[curve], bytes)
  return `a ${label}`
}

/** The bytes of a public key (SubjectPublicKeyInfo), or what stands in its place. */
export function spki(pem: string): Bytes | string {
  const { label, bytes } = decoded(pem)
  return bytes && label !== 'PUBLIC KEY' ? `a ${label}` : (bytes ?? label)
}

/** Without bytes, the label says what is wrong. */
function decoded(pem: string): { label: string; bytes?: Bytes } {
  const text = pem.replaceAll('\\n', '\n')
  const [, label, content = ''] = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]+?)-----END \1-----/.exec(text) ?? []
  if (!label) return { label: 'no PEM' }
  if (label === 'ENCRYPTED PRIVATE KEY' || content.includes('ENCRYPTED')) return { label: 'an encrypted key: decrypt it first, `openssl pkcs8 -topk8 -nocrypt`' } // biome-ignore format: one line
  const bytes = fromBase64(content.replaceAll(/\s/g, ''))
  return bytes?.length ? { label, bytes } : { label: `a ${label} that does not decode` }
}

/** PrivateKeyInfo: the version, the algorithm, and the key in a form of its own. */
function wrapped(algorithm: string, key: Bytes): Bytes {
  const version = Uint8Array.of(2, 1, 0)
  return der(0x30, concat(version, der(0x30, fromHex(algorithm) as Bytes), der(0x04, key)))
}

/** X.690, section 8.1.3: a length above 127 is written in as many bytes as it needs. */
function der(tag: number, content: Bytes): Bytes {
  const length: number[] = []
  for (let rest = content.length; rest; rest >>= 8) length.unshift(rest & 255)
  if (content.length > 127) length.unshift(128 + length.length)
  return concat(Uint8Array.of(tag, ...(length.length ? length : [0])), content)
}
