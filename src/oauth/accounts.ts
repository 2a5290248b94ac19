// Several users of one client, each with a session of their own.
import { LatchkeyError } from '../errors.ts'
import type { CredentialStore } from '../types.ts'

export type Accounts<T> = T & {
  /** The same for another user: a session of their own in the same store. The same name gives the same object while it is in use. */
  account(name: string): T
  /** The same in another store, e.g. one for each request on a server: `changed()` then says whether to send its content back. */
  inStore(store: CredentialStore): Accounts<T>
}

/** What `make` gives for nobody in particular, and the ways to the others. Each is made once, and let go with its last user. */
export function accounts<T extends object>(
  store: CredentialStore,
  make: (store: CredentialStore, account?: string) => T,
): Accounts<T> {
  const made = new Map<string, WeakRef<T>>()
  const gone = new FinalizationRegistry<string>((name) => {
    if (!made.get(name)?.deref()) made.delete(name)
  })
  return {
    ...make(store),
    account(name) {
      if (typeof name !== 'string' || !name)
        throw new LatchkeyError('invalid_option', 'An account is named by a text of your own, e.g. a user id.')
      const known = made.get(name)?.deref()
      if (known) return known
      const account = make(store, name)
      made.set(name, new WeakRef(account))
      gone.register(account, name)
      return account
    },
    inStore: (other) => accounts(other, make),
  }
}
