import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'

export const algorithm = {
  webCrypto: 'SHA-256',
  hash: (data: Uint8Array): Uint8Array => sha256(data),
  hmac: (key: Uint8Array): ReturnType<typeof hmac.create> => hmac.create(sha256, key),
}
