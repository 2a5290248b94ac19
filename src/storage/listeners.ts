import type { CredentialStore, Version } from '../types.ts'

type Listener = (change: { version: Version | null }) => void

/** Who wants to hear of which record. */
export function createListeners(): {
  tell(id: string, version: Version | null): void
  subscribe: NonNullable<CredentialStore['subscribe']>
} {
  const listeners = new Map<string, Set<Listener>>()
  return {
    tell(id, version) {
      for (const listener of listeners.get(id) ?? []) queueMicrotask(() => listener({ version }))
    },
    subscribe(id, listener) {
      const those = listeners.get(id) ?? new Set()
      listeners.set(id, those.add(listener))
      return () => {
        those.delete(listener)
        if (!those.size && listeners.get(id) === those) listeners.delete(id)
      }
    },
  }
}
