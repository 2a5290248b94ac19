import { md5 } from '@noble/hashes/legacy.js'

// For Digest (RFC 7616) only: MD5 keeps nothing safe, and Web Crypto does not have it.
export const algorithm = {
  hash: (data: Uint8Array): Uint8Array => md5(data),
  create: (): ReturnType<typeof md5.create> => md5.create(),
}
