import type { CryptoKey } from '../platform.ts'
import { base64url, utf8 } from './bytes.ts'
import type { KeyParameters } from './key.ts'

/** The compact form of a JWS (RFC 7515, section 7.1), and what of it was signed. */
export async function signedJws(
  header: object,
  claims: object,
  key: CryptoKey,
  parameters: KeyParameters,
): Promise<{ readonly text: string; readonly input: string }> {
  const input = [header, claims].map((part) => base64url(utf8(JSON.stringify(part)))).join('.')
  const signature = await crypto.subtle.sign(parameters, key, utf8(input))
  return { text: `${input}.${base64url(new Uint8Array(signature))}`, input }
}
