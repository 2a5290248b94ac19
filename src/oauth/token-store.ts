// A token that other instances find: kept in a store, renewed by one of them at a time.
import { fromUtf8, utf8 } from '../crypto/bytes.ts'
import { LatchkeyError, StoreError } from '../errors.ts'
import { Secret } from '../secret.ts'
import type { AccessToken, CredentialStore, Entry } from '../types.ts'
import { type Given, type Obtain, same } from './renewal.ts'

/** Milliseconds a stored token must still last to be taken over. */
const MARGIN = 5000

/** The stored token when it is good; else a new one, which the lock lets only one instance fetch. */
export function keptIn(store: CredentialStore, id: string, obtain: () => Promise<AccessToken>): Obtain {
  return async (refused) => {
    const token = good(await read(store, id), refused)
    if (token) return { token, found: true }
    try {
      return await store.lock(id, () => renewed(refused))
    } catch (error) {
      if (error instanceof LatchkeyError && !(error instanceof StoreError)) throw error
      // The store is a convenience here: without it, this instance gets a token of its own.
      return { token: await obtain() }
    }
  }

  async function renewed(refused: AccessToken | undefined): Promise<Given> {
    const entry = await read(store, id)
    const found = good(entry, refused)
    if (found) return { token: found, found: true }
    const token = await obtain()
    await store.put(id, written(token), { ifVersion: entry?.version ?? null }).catch(() => {})
    return { token }
  }
}

async function read(store: CredentialStore, id: string): Promise<Entry | undefined> {
  return store.get(id).catch(() => undefined)
}

function good(entry: Entry | undefined, refused: AccessToken | undefined): AccessToken | undefined {
  const token = entry && parsed(entry)
  if (!token || (refused && same(token, refused))) return undefined
  return token.expiresAt === undefined || token.expiresAt > Date.now() + MARGIN ? token : undefined
}

function written({ value, type, expiresAt, scope }: AccessToken): Uint8Array {
  return utf8(JSON.stringify({ value: value.use((text) => text), type, expiresAt, scope }))
}

function parsed({ value }: Entry): AccessToken | undefined {
  try {
    const record = JSON.parse(fromUtf8(value))
    return typeof record.value === 'string' ? { ...record, value: new Secret(record.value) } : undefined
  } catch {
    // A record nobody can read is replaced by the next token.
    return undefined
  }
}
