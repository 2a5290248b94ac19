import { type Algorithm, algorithmOf } from './algorithm.ts'
import { sha512_256 } from './sha2-64.ts'

// SHA-512/256 (FIPS 180-4, section 6.7), which Web Crypto does not have, nor every runtime by one name.
export const algorithm: Algorithm = algorithmOf(sha512_256)
