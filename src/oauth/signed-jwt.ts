// JWTs that the client signs (RFC 7515, RFC 7519): to prove itself, to vouch for somebody, or to seal what it asks for.
import { type Credential, readCredential } from '../credential.ts'
import { base64url, hex, utf8 } from '../crypto/bytes.ts'
import { importKey, type KeyParameters } from '../crypto/key.ts'
import type { Curve } from '../crypto/pem.ts'
import { CredentialError, LatchkeyError } from '../errors.ts'
import type { CryptoKey, JsonWebKey } from '../platform.ts'

/** A CryptoKey, a JWK, or the text of either a JWK or a PEM file in PKCS #8 (`-----BEGIN PRIVATE KEY-----`). */
export type PrivateKey = CryptoKey | JsonWebKey | Credential

/** JWS algorithms (RFC 7518, section 3.1; RFC 8037). */
export type SigningAlgorithm = `${'RS' | 'PS' | 'ES'}${256 | 384 | 512}` | 'EdDSA'

export interface SigningOptions {
  privateKey: PrivateKey
  /** Which of several keys it is, the `kid` in the header. Default: the `kid` of a JWK. */
  keyId?: string
  /** Default: what the key says of itself, RS256 for an RSA key that does not. */
  algorithm?: SigningAlgorithm
}

export interface JwtSigner {
  /** @throws CredentialError `credential_invalid` */
  load(): Promise<(claims: object, type?: string) => Promise<string>>
}

const CURVES: Record<string, string> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512', Ed25519: 'EdDSA' }
// How PKCS #8 names the kinds of keys: object identifiers, in hexadecimal.
const KINDS = { '2a8648ce3d030107': 'ES256', '2b81040022': 'ES384', '2b81040023': 'ES512', '06032b6570': 'EdDSA' }

/** @throws LatchkeyError `invalid_option` */
export function createJwtSigner({ privateKey, keyId, algorithm }: SigningOptions): JwtSigner {
  if (algorithm !== undefined && !/^([RPE]S(256|384|512)|EdDSA)$/.test(algorithm))
    throw new LatchkeyError('invalid_option', "`algorithm` must be one such as 'ES256', 'RS256', 'PS256' or 'EdDSA'.")
  const literal = typeof privateKey !== 'function'
  let loaded: ReturnType<JwtSigner['load']> | undefined
  return {
    load() {
      // A function is asked each time: its key may have been replaced.
      if (!literal) return load()
      loaded ??= load()
      loaded.catch(() => (loaded = undefined))
      return loaded
    },
  }

  async function load() {
    const { key, kid } = await imported(privateKey, algorithm)
    return (claims: object, type?: string) => signedJwt(key, claims, { kid: keyId ?? kid, typ: type })
  }
}

/** The compact form of a JWS (RFC 7515, section 7.1). */
export async function signedJwt(key: CryptoKey, claims: object, header: object = {}): Promise<string> {
  const name = nameOf(key)
  const input = `${part({ ...header, alg: name })}.${part(claims)}`
  const signature = await crypto.subtle.sign(signatureParameters(key, name), key, utf8(input))
  return `${input}.${base64url(new Uint8Array(signature))}`
}

/** @throws CredentialError `credential_invalid` */
async function imported(source: PrivateKey, algorithm: string | undefined): Promise<{ key: CryptoKey; kid?: string }> {
  if (source instanceof globalThis.CryptoKey) return { key: source }
  const given = isJwk(source) ? source : await readCredential(source, 'privateKey')
  const jwk: Jwk | undefined =
    typeof given !== 'string' ? given : given.trimStart().startsWith('{') ? parsed(given) : undefined
  const name = algorithm ?? (jwk ? (jwk.alg ?? CURVES[jwk.crv ?? '']) : await kindOf(given as string)) ?? 'RS256'
  const key = await importKey(jwk ?? (given as string), name, keyParameters(name), 'sign', unfit)
  return { key, ...(jwk?.kid && { kid: jwk.kid }) }
}

/** What a PEM file says in its first bytes. */
async function kindOf(pem: string): Promise<string | undefined> {
  const { pkcs8 } = await import('../crypto/pem.ts')
  const der = pkcs8(pem)
  const start = typeof der === 'string' ? '' : hex(der.subarray(0, 32))
  return Object.entries(KINDS).find(([oid]) => start.includes(oid))?.[1]
}

function parsed(text: string): Jwk {
  try {
    return { ...JSON.parse(text) }
  } catch {
    // What cannot be read would be quoted.
    throw unfit('it is no JSON')
  }
}

function unfit(why: string): CredentialError {
  return new CredentialError(
    'credential_invalid',
    `\`privateKey\` must be a CryptoKey, a JWK or a PEM in PKCS #8 that fits \`algorithm\`: ${why}. Others are turned into it by \`openssl pkcs8 -topk8 -nocrypt\`.`,
  )
}

type Jwk = JsonWebKey & { kid?: string }

function isJwk(source: PrivateKey): source is JsonWebKey {
  return typeof source === 'object' && 'kty' in source
}

/** How Web Crypto calls the kind of key that a JWS algorithm wants. */
export function keyParameters(name: string): KeyParameters {
  const kinds: Record<string, string> = { RS: 'RSASSA-PKCS1-v1_5', PS: 'RSA-PSS', ES: 'ECDSA', Ed: 'Ed25519' }
  const curve = Object.keys(CURVES).find((candidate) => CURVES[candidate] === name) as Curve | undefined
  const kind = kinds[name.slice(0, 2)] as string
  return { name: kind, hash: `SHA-${name.slice(2)}`, ...(curve && kind === 'ECDSA' && { namedCurve: curve }) }
}

export function signatureParameters(
  key: CryptoKey,
  algorithm: string,
): { name: string; hash: string; saltLength: number } {
  const bits = Number(algorithm.slice(2))
  return { name: key.algorithm.name, hash: `SHA-${bits}`, saltLength: bits / 8 }
}

/** What a key that is made for one algorithm calls it. */
function nameOf({ algorithm }: CryptoKey): string {
  const { name, namedCurve = name, hash } = algorithm as { name: string; namedCurve?: string; hash?: { name: string } }
  const kind = ({ 'RSASSA-PKCS1-v1_5': 'RS', 'RSA-PSS': 'PS', HMAC: 'HS' } as Record<string, string>)[name]
  return kind ? kind + hash?.name.slice(4) : (CURVES[namedCurve] as string)
}

function part(value: object): string {
  return base64url(utf8(JSON.stringify(value)))
}
