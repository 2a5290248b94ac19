import { hmac } from '@noble/hashes/hmac.js'
import { sha384 } from './sha2-64.ts'

export const algorithm = {
  webCrypto: 'SHA-384',
  hash: (data: Uint8Array): Uint8Array => sha384(data),
  create: (): ReturnType<typeof sha384.create> => sha384.create(),
  hmac: (key: Uint8Array): ReturnType<typeof hmac.create> => hmac.create(sha384, key),
}
