// One sign-in and its refresh token: spent by one holder at a time, by all who share the store, and never lost.
import { sleep } from '../timing.ts'
import type { AccessToken, CredentialStore, Lease } from '../types.ts'
import { createJournal } from './journal.ts'
import { goodToken, type Obtained, type SessionRecord } from './record.ts'
import { FLIGHT_TIME } from './renewal.ts'
import { type Asked, createSpender, type Report, type SendRefresh } from './spend.ts'
import { resting, signedOut } from './verdict.ts'

export interface SessionOptions {
  readonly store: CredentialStore
  readonly id: string
  /** All that takes long or runs the user's code is done when it resolves, so that none of it happens under the lock. */
  prepare(): Promise<SendRefresh>
  /** A new session in place of the one that stands there, or undefined to leave it. */
  begin?(current: SessionRecord | undefined): Promise<SessionRecord | undefined>
  /** The tokens came when the user had signed out: nobody will use them. */
  abandon(record: SessionRecord): void
}

export interface Session {
  /** A token for what is asked that is not the refused one. @throws OAuthError, StoreError */
  obtain(asked: Asked, refused: AccessToken | undefined, report: Report): Promise<Obtained>
  /** The session that there is, and its token where that is good. @throws OAuthError without a session, StoreError */
  look(asked: Asked): Promise<Partial<Obtained>>
  read(): Promise<SessionRecord | undefined>
  /** Takes the place of any session before, and gives what that was. */
  establish(record: SessionRecord): Promise<SessionRecord | undefined>
  /** Removes the session and gives what it was. */
  end(): Promise<SessionRecord | undefined>
}

/** Milliseconds between two looks whether another holder came back. */
const PAUSE = 250

export function createSession({ store, id, prepare, begin, abandon }: SessionOptions): Session {
  const journal = createJournal(store, id)
  const spender = createSpender(store, journal, abandon)

  return {
    async obtain(asked, refused, report) {
      const deadline = performance.now() + FLIGHT_TIME
      const afterwards: (() => void)[] = []
      const told = { report, afterwards, raced: false }
      try {
        for (;;) {
          const found = good(await look(asked, refused))
          if (found) return found
          const send = await prepare()
          const wait = Math.max(PAUSE, deadline - performance.now())
          let obtained: Obtained | undefined
          const renew = async (lease: Lease) => {
            obtained = await spender.renewed(lease, send, asked, refused, told)
          }
          await store.lock(id, renew, { wait }).catch(async (error) => {
            // A lock that fails when all is done takes nothing back.
            if (error?.code !== 'lock_timeout' && !obtained) throw error
            obtained ??= good(await look(asked, refused))
          })
          if (obtained) return obtained
          if (performance.now() > deadline) throw resting(Date.now() + PAUSE)
          await sleep(PAUSE)
        }
      } finally {
        // Not under the lock: what listens may call us again.
        for (const task of afterwards) task()
      }
    },
    look: (asked) => look(asked, undefined),
    async read() {
      return spender.unsaved()?.record ?? (await journal.read())?.record
    },
    async establish(record) {
      spender.forget()
      for (let tries = 1; ; tries++) {
        try {
          return await journal.replace(record)
        } catch (error) {
          // Nobody can give these tokens again.
          if (tries === 3) throw error
          await sleep(PAUSE)
        }
      }
    },
    async end() {
      const kept = spender.unsaved()?.record
      spender.forget()
      const removed = await journal.remove()
      return kept ?? removed
    },
  }

  async function look(asked: Asked, refused: AccessToken | undefined): Promise<Partial<Obtained>> {
    try {
      await spender.save()
    } catch (error) {
      const record = spender.unsaved()?.record
      const token = record && goodToken(record, asked.name, refused)
      if (token) return { session: record.session, token }
      throw error
    }
    const held = await journal.read()
    const next = await begin?.(held?.record)
    if (next) await journal.replace(next, held?.version ?? null)
    const record = next ?? held?.record
    if (!record) throw signedOut()
    const token = goodToken(record, asked.name, refused)
    return { session: record.session, ...(token && { token }) }
  }
}

function good({ session, token }: Partial<Obtained>): Obtained | undefined {
  return session !== undefined && token ? { session, token, found: true } : undefined
}
