import type { CredentialStore, StoreTraits, Version } from '../types.ts'
import { createListeners } from './listeners.ts'

/** What goes to other tabs and workers: never a value. */
interface Change {
  readonly id: string
  readonly version: Version | null
}

/** Tells all who have the same records in this origin of a change, this page included. */
export function createChannel(name: string): {
  reaches: StoreTraits['notify']
  tell(id: string, version: Version | null): void
  subscribe: NonNullable<CredentialStore['subscribe']>
} {
  const exists = typeof BroadcastChannel === 'function'
  const { tell, subscribe } = createListeners()
  let opened: BroadcastChannel | undefined

  return {
    reaches: exists ? 'push' : 'none',
    tell(id, version) {
      tell(id, version)
      channel()?.postMessage({ id, version } satisfies Change)
    },
    subscribe(id, listener) {
      channel()
      return subscribe(id, listener)
    },
  }

  /** Opened when it is first needed: an open channel keeps a page out of the back-forward cache. */
  function channel(): BroadcastChannel | undefined {
    if (opened || !exists) return opened
    opened = new BroadcastChannel(name)
    opened.onmessage = ({ data }: MessageEvent<Partial<Change> | null>) => {
      // Any script of the origin may post here.
      const { id, version } = data ?? {}
      if (typeof id === 'string' && (version === null || typeof version === 'string')) tell(id, version)
    }
    return opened
  }
}
