import { md5 } from '@noble/hashes/legacy.js'
import { type Algorithm, algorithmOf } from './algorithm.ts'

// For Digest (RFC 7616) only: MD5 keeps nothing safe, and neither Web Crypto nor Node in its FIPS mode has it.
export const algorithm: Algorithm = algorithmOf(md5)
