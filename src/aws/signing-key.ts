import { hex, utf8 } from '../crypto/bytes.ts'
import { algorithm } from '../crypto/sha256.ts'
import type { Awaitable, Bytes } from '../types.ts'
import type { AccessKey } from './credentials.ts'

type Mac = ReturnType<typeof algorithm.hmac>

// Above it Web Crypto is as fast, and leaves the thread free.
const SHORT = 8192
const NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

export function hexHash(text: string): string {
  return hex(algorithm.hash(utf8(text)))
}

/** SHA-256 of the content in hexadecimal. */
export function contentHash(body: Bytes): Awaitable<string> {
  if (!body.length) return NOTHING
  if (body.length <= SHORT) return hex(algorithm.hash(body))
  return crypto.subtle.digest('SHA-256', body).then((hash) => hex(new Uint8Array(hash)))
}

export function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  return algorithm.hmac(key).update(message).digest()
}

/** Signs with the key of a day, region and service, which is derived once and kept prepared. */
export function createSigner(region: string, service: string): (key: AccessKey, day: string, text: string) => string {
  // Only the last key is kept: one that was rotated out is not held longer than needed.
  let last: { readonly secret: string; readonly day: string; readonly mac: Mac } | undefined
  return ({ secret }, day, text) => {
    if (last?.secret !== secret || last.day !== day) last = { secret, day, mac: derived(secret, day, region, service) }
    return hex(last.mac.clone().update(utf8(text)).digest())
  }
}

function derived(secret: string, ...parts: readonly string[]): Mac {
  let key: Uint8Array = utf8(`AWS4${secret}`)
  for (const part of [...parts, 'aws4_request']) key = hmac(key, utf8(part))
  return algorithm.hmac(key)
}
