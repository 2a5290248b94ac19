import { base64url, utf8 } from '../crypto/bytes.ts'

/** The SHA-256 hash of a text, in base64url: what `ath`, `jkt` and the PKCE code challenge are made of. */
export async function digest(text: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text))))
}
