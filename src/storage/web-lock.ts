import { StoreError } from '../errors.ts'
import { LONGEST_TIMER } from '../timing.ts'
import type { CredentialStore } from '../types.ts'
import { recordKey } from './record-key.ts'
import { patienceFor, turns } from './turns.ts'
import { wholeLease } from './whole-lease.ts'

/** True where tabs and workers of an origin can exclude each other; elsewhere, a lock reaches no further than its page. */
export function hasWebLocks(): boolean {
  return typeof globalThis.navigator?.locks?.request === 'function'
}

/** Web Locks (w3.org/TR/web-locks), with a bounded wait. Nobody steals: the old holder would go on writing. */
export function createWebLock(prefix: string, backend: string): CredentialStore['lock'] {
  if (!hasWebLocks()) {
    const inTurn = turns(backend)
    return (id, task, options) => inTurn(id, () => task(wholeLease()), options)
  }
  return async (id, task, options) => {
    const { until, signal, over } = patienceFor(backend, options)
    signal?.throwIfAborted()
    const control = new AbortController()
    const stop = () => control.abort(signal?.reason)
    signal?.addEventListener('abort', stop)
    const wait = until - performance.now()
    const timer = wait <= LONGEST_TIMER ? setTimeout(() => control.abort(over()), wait) : undefined
    const waited = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    }
    let granted = false
    try {
      return await navigator.locks.request(`${prefix}${recordKey(id)}`, { signal: control.signal }, () => {
        granted = true
        waited()
        return task(wholeLease())
      })
    } catch (error) {
      if (granted) throw error
      if (control.signal.aborted) throw control.signal.reason
      throw new StoreError(
        'unavailable',
        backend,
        'This page may not use locks: a sandboxed frame, or a page that is being closed. Use memoryStore.',
      )
    } finally {
      waited()
    }
  }
}
