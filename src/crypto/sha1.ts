import { hmac } from '@noble/hashes/hmac.js'
import { sha1 } from '@noble/hashes/legacy.js'

export const algorithm = {
  webCrypto: 'SHA-1',
  hash: (data: Uint8Array): Uint8Array => sha1(data),
  create: (): ReturnType<typeof sha1.create> => sha1.create(),
  hmac: (key: Uint8Array): ReturnType<typeof hmac.create> => hmac.create(sha1, key),
}
