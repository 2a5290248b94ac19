import { hmac } from '@noble/hashes/hmac.js'
import { sha512 } from './sha2-64.ts'

export const algorithm = {
  webCrypto: 'SHA-512',
  hash: (data: Uint8Array): Uint8Array => sha512(data),
  create: (): ReturnType<typeof sha512.create> => sha512.create(),
  hmac: (key: Uint8Array): ReturnType<typeof hmac.create> => hmac.create(sha512, key),
}
