import { sha256 } from '@noble/hashes/sha2.js'
import { type Algorithm, algorithmOf } from './algorithm.ts'

export const algorithm: Algorithm = algorithmOf(sha256, 'sha256')
