import { concat, fromHex, hex, utf8 } from '../crypto/bytes.ts'
import { CredentialError } from '../errors.ts'
import type { AuthStrategy, Bytes } from '../types.ts'
import type { AccessKey } from './credentials.ts'
import { type AwsStrategyOptions, checkOptions } from './options.ts'
import { type PresignOptions, presigned } from './presign.ts'
import { hmac } from './signing-key.ts'
import { type Algorithm, strategy } from './strategy.ts'

interface RegionSet {
  /** The regions that may accept the signature, with commas between, or `'*'` for all. */
  regionSet: string
}
export interface SigV4aOptions extends AwsStrategyOptions, RegionSet {}
export interface SigV4aPresignOptions extends PresignOptions, RegionSet {}

/**
 * AWS Signature Version 4A in the Authorization header: ECDSA on P-256, good in several regions, as S3 multi-region access
 * points and EventBridge global endpoints ask for.
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `credential_invalid`; `runtime_unsupported` where Web Crypto takes no private key without its public half
 */
export function sigv4a(options: SigV4aOptions): AuthStrategy {
  checkOptions(options, { regionSet: options.regionSet })
  return strategy(options, ecdsaP256(options, 'x-amz-region-set'))
}

/**
 * A URL that carries a signature of AWS Signature Version 4A.
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `credential_invalid`, `credential_unavailable`, `runtime_unsupported`
 */
export async function presignV4a(url: string | URL, options: SigV4aPresignOptions): Promise<URL> {
  checkOptions(options, { regionSet: options.regionSet })
  return presigned(url, options, ecdsaP256(options, 'X-Amz-Region-Set'))
}

const NAME = 'AWS4-ECDSA-P256-SHA256'
const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const
// The order of the group less two (FIPS 186-5; SP 800-186, section 3.2.1.3).
const MOST = fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f') as Bytes
// PrivateKeyInfo (RFC 5958) with an ECPrivateKey (RFC 5915) on P-256, up to the private key itself.
const PKCS8 = fromHex('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420') as Bytes

function ecdsaP256({ regionSet, service }: RegionSet & { service: string }, name: string): Algorithm {
  let last: { readonly id: string; readonly secret: string; readonly key: Promise<CryptoKey> } | undefined
  return {
    name: NAME,
    scope: `${service}/aws4_request`,
    region: [name, regionSet],
    async sign({ id, secret }, _day, stringToSign) {
      if (last?.id !== id || last.secret !== secret) last = { id, secret, key: imported({ id, secret }) }
      const signature = await crypto.subtle.sign({ ...CURVE, hash: 'SHA-256' }, await last.key, utf8(stringToSign))
      return hex(der(new Uint8Array(signature)))
    },
  }
}

async function imported(key: Pick<AccessKey, 'id' | 'secret'>): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey('pkcs8', concat(PKCS8, privateKey(key)), CURVE, false, ['sign'])
  } catch {
    throw new CredentialError(
      'runtime_unsupported',
      'Web Crypto here does not take a derived ECDSA key. Sign with `sigv4` for one region, or on a server.',
    )
  }
}

/** Derived by HMAC in counter mode (SP 800-108, section 4.1): the first result that is a private key less one. */
export function privateKey({ id, secret }: Pick<AccessKey, 'id' | 'secret'>): Bytes {
  const key = utf8(`AWS4A${secret}`)
  for (let counter = 1; counter < 255; counter++) {
    const input = concat(Uint8Array.of(0, 0, 0, 1), utf8(`${NAME}\0${id}`), Uint8Array.of(counter, 0, 0, 1, 0))
    const candidate = new Uint8Array(hmac(key, input))
    if (hex(candidate) > hex(MOST)) continue
    for (let i = 31; i >= 0; i--) {
      candidate[i] = ((candidate[i] as number) + 1) & 255
      if (candidate[i]) break
    }
    return candidate
  }
  throw new CredentialError(
    'credential_invalid',
    'No signing key can be derived from this access key. Make another one.',
  )
}

/** The two halves of a signature as Web Crypto gives it, in DER (RFC 3279, section 2.2.3). */
export function der(signature: Bytes): Bytes {
  const integers = [signature.subarray(0, 32), signature.subarray(32)].map((half) => {
    const first = half.findIndex((byte) => byte !== 0)
    const digits = half.subarray(first < 0 ? 31 : first)
    const sign = (digits[0] as number) & 128 ? [0] : []
    return concat(Uint8Array.of(2, digits.length + sign.length, ...sign), digits)
  })
  const content = concat(...integers)
  return concat(Uint8Array.of(48, content.length), content)
}
