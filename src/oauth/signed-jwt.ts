// JWTs that the client signs (RFC 7515, RFC 7519): to prove itself, to vouch for somebody, or to seal what it asks for.
import { type Credential, readCredential } from '../credential.ts'
import { hex } from '../crypto/bytes.ts'
import { jwa } from '../crypto/jwa.ts'
import { signedJws } from '../crypto/jws.ts'
import { importKey, type KeyParameters } from '../crypto/key.ts'
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
  const name = nameOf(key) as string
  return (await signedJws({ ...header, alg: name }, claims, key, jwa[name] as KeyParameters)).text
}

/** @throws CredentialError `credential_invalid` */
async function imported(source: PrivateKey, algorithm: string | undefined): Promise<{ key: CryptoKey; kid?: string }> {
  if (source instanceof globalThis.CryptoKey) {
    if (!nameOf(source)) throw unfit('it is made for something else')
    return { key: source }
  }
  const given = isJwk(source) ? source : await readCredential(source, 'privateKey')
  const jwk: Jwk | undefined =
    typeof given !== 'string' ? given : given.trimStart().startsWith('{') ? parsed(given) : undefined
  const name = algorithm ?? (jwk ? (jwk.alg ?? algorithmOn(jwk.crv)) : await kindOf(given as string)) ?? 'RS256'
  const parameters = ofKeyPairs(name)
  if (!parameters) throw unfit('its algorithm is not known here')
  const key = await importKey(jwk ?? (given as string), name, parameters, 'sign', unfit)
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

/** What Web Crypto needs for an algorithm that has no shared secret. */
export function ofKeyPairs(algorithm: string): KeyParameters | undefined {
  return Object.hasOwn(jwa, algorithm) && !algorithm.startsWith('HS') ? jwa[algorithm] : undefined
}

/** What a curve is used with. */
function algorithmOn(curve: string | undefined): string | undefined {
  return found(({ name, namedCurve = name }) => namedCurve === curve)
}

/** What a key that is made for one algorithm calls it. */
function nameOf({ algorithm }: CryptoKey): string | undefined {
  const { name, namedCurve, hash } = algorithm as { name: string; namedCurve?: string; hash?: { name: string } }
  return found((one) => one.name === name && one.namedCurve === namedCurve && (namedCurve ? true : one.hash === hash?.name)) // biome-ignore format: one line
}

function found(fits: (parameters: KeyParameters) => boolean): string | undefined {
  return Object.keys(jwa).find((name) => fits(jwa[name] as KeyParameters))
}
