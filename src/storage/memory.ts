import type { CredentialStore, Entry, StoreTraits, Version } from '../types.ts'
import { createListeners } from './listeners.ts'
import { meetRequirements, type Requirements } from './requirements.ts'
import { turns } from './turns.ts'
import { wholeLease } from './whole-lease.ts'

const TRAITS: StoreTraits = {
  backend: 'memory',
  scope: 'realm',
  durability: 'none',
  atRest: 'memory-only',
  lock: 'realm',
  notify: 'push',
  maxBytes: Number.POSITIVE_INFINITY,
}

/**
 * Credentials in the memory of this process or page, gone with it; nothing is written anywhere.
 *
 * Returns a store whose lock and changes reach only those who hold the same object. `requires` names the least it must do.
 * @throws StoreError `requirement_not_met`
 */
export function memoryStore({ requires }: { requires?: Requirements } = {}): CredentialStore {
  meetRequirements(TRAITS, requires)
  const entries = new Map<string, Entry>()
  const inTurn = turns(TRAITS.backend)
  const keyPairs = new Map<string, Promise<CryptoKeyPair>>()
  const { tell, subscribe } = createListeners()
  let writes = 0

  return {
    traits: TRAITS,
    async get(id) {
      const entry = entries.get(id)
      return entry && copied(entry)
    },
    async put(id, value, { ifVersion }) {
      const current = entries.get(id)
      if ((current?.version ?? null) !== ifVersion) return { ok: false, current: current && copied(current) }
      // Also an id that was deleted and made again never has a version it had before.
      const version = String(++writes) as Version
      entries.set(id, { value: new Uint8Array(value), version })
      tell(id, version)
      return { ok: true, version }
    },
    async delete(id, { ifVersion } = {}) {
      const current = entries.get(id)
      if (current && ifVersion !== undefined && current.version !== ifVersion) return 'conflict'
      if (current || ifVersion === undefined) keyPairs.delete(id)
      if (!current) return 'absent'
      entries.delete(id)
      tell(id, null)
      return 'deleted'
    },
    lock: (id, task, options) => inTurn(id, () => task(wholeLease()), options),
    subscribe,
    keyPair(id, make) {
      const pair = keyPairs.get(id) ?? make()
      keyPairs.set(id, pair)
      pair.catch(() => keyPairs.get(id) === pair && keyPairs.delete(id))
      return pair
    },
  }
}

function copied({ value, version }: Entry): Entry {
  return { value: new Uint8Array(value), version }
}
