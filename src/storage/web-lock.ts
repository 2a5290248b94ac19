import { StoreError } from '../errors.ts'
import type { CredentialStore } from '../types.ts'
import { bounded, createRealmLock, LEASE, lockTimeout, WAIT } from './realm-lock.ts'

/** True where tabs and workers of an origin can exclude each other; elsewhere, a lock reaches no further than its page. */
export function hasWebLocks(): boolean {
  return typeof globalThis.navigator?.locks?.request === 'function'
}

/**
 * Web Locks: the browser frees what a closed or crashed holder had. The wait is bounded, and nobody steals: the holder would go
 * on writing.
 */
export function createWebLock(prefix: string, backend: string): CredentialStore['lock'] {
  if (!hasWebLocks()) return createRealmLock(backend)
  return async (id, task, { wait = WAIT, signal } = {}) => {
    const patience = bounded(wait, signal, backend)
    let granted = false
    // The platform refuses a signal beside `ifAvailable`; without a wait, there is nothing to abort.
    const options = wait > 0 ? { signal: patience.signal } : { ifAvailable: true }
    try {
      return await navigator.locks.request(`${prefix}${id}`, options, (lock) => {
        if (!lock) throw lockTimeout(wait, backend)
        granted = true
        patience.end()
        return task(LEASE)
      })
    } catch (error) {
      if (granted || error instanceof StoreError) throw error
      if (patience.signal.aborted) throw patience.signal.reason
      throw new StoreError(
        'unavailable',
        backend,
        'This page may not use locks: a sandboxed frame, or a page that is being closed. Use memoryStore.',
      )
    } finally {
      patience.end()
    }
  }
}
