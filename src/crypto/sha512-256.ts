import { sha512_256 } from './sha2-64.ts'

// SHA-512/256 (FIPS 180-4, section 6.7), which Web Crypto does not have.
export const algorithm = {
  hash: (data: Uint8Array): Uint8Array => sha512_256(data),
  create: (): ReturnType<typeof sha512_256.create> => sha512_256.create(),
}
