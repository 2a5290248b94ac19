import { type Algorithm, algorithmOf } from './algorithm.ts'
import { sha512 } from './sha2-64.ts'

export const algorithm: Algorithm = algorithmOf(sha512, 'sha512')
