import type { CredentialStore } from '../types.ts'

/** The store, and whether anything was written to it through here. */
export function watched(store: CredentialStore): { readonly store: CredentialStore; changed(): boolean } {
  let changed = false
  const { keyPair, subscribe } = store
  return {
    changed: () => changed,
    store: {
      traits: store.traits,
      get: (id) => store.get(id),
      async put(id, value, options) {
        const result = await store.put(id, value, options)
        changed ||= result.ok
        return result
      },
      async delete(id, options) {
        const result = await store.delete(id, options)
        changed ||= result === 'deleted'
        return result
      },
      lock: (id, task, options) => store.lock(id, task, options),
      ...(keyPair && { keyPair: (id, make) => keyPair.call(store, id, make) }),
      ...(subscribe && { subscribe: (id, listener) => subscribe.call(store, id, listener) }),
    },
  }
}
