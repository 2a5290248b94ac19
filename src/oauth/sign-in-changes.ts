import type { CredentialStore } from '../types.ts'

/** Calls when somebody who shares the store has signed in or out; not for a renewal. Returns the way out. */
export function onSignInChange(
  store: CredentialStore,
  id: string,
  signedIn: () => Promise<boolean>,
  listener: (signedIn: boolean) => void,
): () => void {
  // One look after the other, so that the last word is the latest.
  let known = signedIn().catch(() => false)
  let stop = store.subscribe?.(id, () => {
    known = known.then(async (before) => {
      const now = await signedIn().catch(() => before)
      // Outside of the chain: what a listener throws is reported by the platform, and stops nothing.
      if (stop && now !== before) queueMicrotask(() => stop && listener(now))
      return now
    })
  })
  return () => {
    stop?.()
    stop = undefined
  }
}
