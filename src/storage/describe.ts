import { LatchkeyError } from '../errors.ts'
import type { CredentialStore } from '../types.ts'

/** The traits of a store and its details: plain values, ready for `JSON.stringify`. */
export interface StoreReport {
  readonly backend: string
  readonly [detail: string]: unknown
}

/**
 * Says what a store is, which stores are inside, and how it fares, for a bug report: no secret, no value, no id of a record.
 *
 * It opens nothing and changes nothing. What cannot be found out is given as the code of its error.
 */
export async function describe(store: CredentialStore): Promise<StoreReport> {
  let details: Readonly<Record<string, unknown>> = {}
  try {
    details = (await store.details?.()) ?? {}
  } catch (error) {
    // What others threw may say anything.
    details = { error: error instanceof LatchkeyError ? error.code : 'failed' }
  }
  const { backend } = store.traits
  const facts = Object.entries({ ...store.traits, ...details })
  const shown = await Promise.all(facts.map(async ([name, value]) => [name, await told(value)]))
  return { ...Object.fromEntries(shown), backend }
}

async function told(value: unknown): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map(told))
  // JSON knows no Infinity.
  if (value === Number.POSITIVE_INFINITY) return 'unlimited'
  const isStore = typeof value === 'object' && value !== null && 'traits' in value && 'get' in value
  return isStore ? describe(value as CredentialStore) : value
}
