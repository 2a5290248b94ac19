import { sha1 } from '@noble/hashes/legacy.js'
import { type Algorithm, algorithmOf } from './algorithm.ts'

export const algorithm: Algorithm = algorithmOf(sha1, 'sha1')
