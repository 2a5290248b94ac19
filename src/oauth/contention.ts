import { StoreError } from '../errors.ts'
import type { CredentialStore } from '../types.ts'

/** How often one write is tried that others come before: nobody is that unlucky with a store that keeps its word. */
export const TRIES = 100

export function contended(store: CredentialStore): StoreError {
  return new StoreError(
    'unavailable',
    store.traits.backend,
    'The store always says that somebody else wrote. Check its versions.',
  )
}
