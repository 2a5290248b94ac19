import { base64url, utf8 } from './bytes.ts'

/** The SHA-256 hash of a text, in base64url: what thumbprints, `ath` and the PKCE code challenge are made of. */
export async function textDigest(text: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text))))
}
