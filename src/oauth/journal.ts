// The record of a session in its store: every step is a compare-and-set on the one before.
import type { CredentialStore, Entry, Version } from '../types.ts'
import { contended, TRIES } from './contention.ts'
import { type Held, readRecord, type SessionRecord, writtenRecord } from './record.ts'

/** Written; or not, because what stands there was issued later, is another session, or because the session is over. */
export type Kept = Held | 'newer' | 'replaced' | 'gone'

export interface Journal {
  read(): Promise<Held | undefined>
  /** Undefined when somebody else wrote meanwhile. */
  advance(from: Held, record: SessionRecord): Promise<Held | undefined>
  /** What the server gave is written over anything but what it gave later, and never brings a session back that was ended. */
  keep(from: Held, record: SessionRecord): Promise<Kept>
  /** Another session; over the given version only, or over whatever stands there, which it gives back. */
  replace(record: SessionRecord, ifVersion?: Version | null): Promise<SessionRecord | undefined>
  /** Gives the record that was there to the end, so that what was renewed meanwhile is not overlooked. */
  remove(): Promise<SessionRecord | undefined>
}

export function createJournal(store: CredentialStore, id: string): Journal {
  return {
    async read() {
      const entry = await store.get(id)
      return entry && readRecord(entry, store)
    },
    async advance(from, record) {
      const result = await store.put(id, writtenRecord(record), { ifVersion: from.version })
      return result.ok ? { record, version: result.version } : undefined
    },
    async keep(from, record) {
      let { version } = from
      for (let tries = 0; tries < TRIES; tries++) {
        const result = await store.put(id, writtenRecord(record), { ifVersion: version })
        if (result.ok) return { record, version: result.version }
        const current = result.current && readRecord(result.current, store)
        if (!current) return 'gone'
        if (current.record.session !== record.session) return 'replaced'
        if (current.record.issuedAt > record.issuedAt) return 'newer'
        version = current.version
      }
      throw contended(store)
    },
    async replace(record, ifVersion) {
      let before = ifVersion === undefined ? await store.get(id) : undefined
      for (let tries = 0; tries < TRIES; tries++) {
        const version = ifVersion === undefined ? (before?.version ?? null) : ifVersion
        const result = await store.put(id, writtenRecord(record), { ifVersion: version })
        if (result.ok || ifVersion !== undefined) return before && readable(before)
        before = result.current
      }
      throw contended(store)
    },
    async remove() {
      for (let tries = 0; tries < TRIES; tries++) {
        const entry = await store.get(id)
        if (!entry) return undefined
        const record = readable(entry)
        const result = await store.delete(id, { ifVersion: entry.version }).catch(async (error) => {
          // It may have failed after it was done.
          if (await store.get(id)) throw error
        })
        if (result !== 'conflict') return record
      }
      throw contended(store)
    },
  }

  /** Also what nobody can read is removed or replaced when the user says so. */
  function readable(entry: Entry): SessionRecord | undefined {
    try {
      return readRecord(entry, store).record
    } catch {
      return undefined
    }
  }
}
