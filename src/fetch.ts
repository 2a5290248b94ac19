import { CREATION, checkNames, picked, TRANSPORT } from './check.ts'
import { type CreateOptions, settle } from './options.ts'
import { fetchThrough, type LatchkeyFetch } from './outgoing.ts'
import { createShared } from './shared.ts'
import { createScopes } from './throttle/scopes.ts'

export * from './common.ts'
export type { FetchInit, LatchkeyFetch } from './outgoing.ts'

/**
 * A `fetch` that authenticates, waits and tries again, without ky: for other clients, and where bytes count.
 *
 * Returns every Response the server gave, also a final 429; the URLs it takes may be relative to `baseUrl`.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_conflict`
 * @example
 * const fetch = createFetch({ origins: ['https://api.example.com'], auth: apiKey({ name: 'X-API-Key', value }) })
 * const response = await fetch('https://api.example.com/v1/users/42')
 */
export function createFetch(options: CreateOptions = {}): LatchkeyFetch {
  checkNames(options, CREATION)
  return fetchThrough(
    settle(options),
    createShared(options, createScopes),
    options.baseUrl,
    picked(options, (name) => name in TRANSPORT),
  )
}
