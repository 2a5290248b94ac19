import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'

export const algorithm = {
  webCrypto: 'SHA-256',
  hash: (data: Uint8Array): Uint8Array => sha256(data),
  create: (): ReturnType<typeof sha256.create> => sha256.create(),
  hmac: (key: Uint8Array): ReturnType<typeof hmac.create> => hmac.create(sha256, key),
}
