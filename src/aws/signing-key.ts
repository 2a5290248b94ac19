import { hex, utf8 } from '../crypto/bytes.ts'
import type { Hashing } from '../crypto/native.ts'
import { algorithm as sha256 } from '../crypto/sha256.ts'
import type { Awaitable, Bytes } from '../types.ts'
import type { AccessKey } from './credentials.ts'

// Above it Web Crypto is as fast, and leaves the thread free.
const SHORT = 8192
const NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** SHA-256 of the content in hexadecimal. */
export function contentHash(body: Bytes): Awaitable<string> {
  if (!body.length) return NOTHING
  if (body.length <= SHORT) return sha256.hex(body)
  return crypto.subtle.digest('SHA-256', body).then((hash) => hex(new Uint8Array(hash)))
}

export function hmac(key: Uint8Array, message: string | Uint8Array): Uint8Array {
  return sha256.hmac(key)().update(message).digest()
}

/** Signs with the key of a day, region and service, which is derived once and kept prepared. */
export function createSigner(region: string, service: string): (key: AccessKey, day: string, text: string) => string {
  // Only the last key is kept: one that was rotated out is not held longer than needed.
  let last: { readonly secret: string; readonly day: string; readonly mac: () => Hashing } | undefined
  return ({ secret }, day, text) => {
    if (last?.secret !== secret || last.day !== day) {
      const key = [day, region, service, 'aws4_request'].reduce<Uint8Array>(hmac, utf8(`AWS4${secret}`))
      last = { secret, day, mac: sha256.hmac(key) }
    }
    return last.mac().update(text).digest('hex')
  }
}
