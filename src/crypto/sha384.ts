import { type Algorithm, algorithmOf } from './algorithm.ts'
import { sha384 } from './sha2-64.ts'

export const algorithm: Algorithm = algorithmOf(sha384, 'sha384')
