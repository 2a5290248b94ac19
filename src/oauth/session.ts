// One sign-in and its refresh token: spent by one holder at a time, by all who share the store, and never lost.
import { StoreError } from '../errors.ts'
import type { ClientEvent } from '../events.ts'
import { sleep } from '../timing.ts'
import type { AccessToken, CredentialStore, Lease } from '../types.ts'
import type { Reply } from './client.ts'
import { createJournal, type Kept } from './journal.ts'
import { goodToken, type Held, type Intent, type SessionRecord, type StoredAnswer, settled } from './record.ts'
import { FLIGHT_TIME } from './renewal.ts'
import { REQUEST_TIMEOUT } from './server.ts'
import { ended, resting, signedOut } from './verdict.ts'

/** What a token is wanted for: its name in the record, and what the request says of it. */
export interface Asked {
  readonly name: string
  readonly parameters: URLSearchParams
}

/** Sends the refresh token of a record. */
export type SendRefresh = (record: SessionRecord, asked: Asked, timeout: number) => Promise<Reply>

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
  obtain(asked: Asked, refused: AccessToken | undefined, report: (event: ClientEvent) => void): Promise<AccessToken>
  read(): Promise<SessionRecord | undefined>
  /** Takes the place of any session before. */
  establish(record: SessionRecord): Promise<void>
  /** Removes the session and gives what it was. */
  end(): Promise<SessionRecord | undefined>
}

/** Milliseconds for which an intent is respected that another holder, now paused or dead, wrote under a lock that only lapsed. */
const GRACE = 15_000
/** Milliseconds a lease must still last for a refresh token to leave. */
const LEAST = 2000
/** Milliseconds between two looks whether that holder came back. */
const PAUSE = 250

export function createSession({ store, id, prepare, begin, abandon }: SessionOptions): Session {
  const me = crypto.randomUUID()
  const journal = createJournal(store, id)
  /** Could not be written yet: the newest refresh token is only here, so it is not spent. */
  let unsaved: { readonly from: Held; readonly record: SessionRecord } | undefined

  return {
    async obtain(asked, refused, report) {
      const deadline = performance.now() + FLIGHT_TIME
      const afterwards: (() => void)[] = []
      try {
        for (;;) {
          const found = await current(asked, refused)
          if (found) return found
          const send = await prepare()
          const task = (lease: Lease) => renewed(lease, send, asked, refused, { report, afterwards })
          const token = await store.lock(id, task).catch(async (error) => {
            const other = error?.code === 'lock_timeout' && (await current(asked, refused))
            if (other) return other
            throw error
          })
          if (token) return token
          if (performance.now() > deadline) throw resting(Date.now() + GRACE)
          await sleep(PAUSE)
        }
      } finally {
        // Not under the lock: what listens may call us again.
        for (const task of afterwards) task()
      }
    },
    async read() {
      return unsaved?.record ?? (await journal.read())?.record
    },
    async establish(record) {
      unsaved = undefined
      await journal.replace(record)
    },
    async end() {
      const record = unsaved?.record ?? (await journal.read())?.record
      unsaved = undefined
      await store.delete(id)
      return record
    },
  }

  /** The token that stands in the record, without the lock. */
  async function current(asked: Asked, refused: AccessToken | undefined): Promise<AccessToken | undefined> {
    if (unsaved) {
      const { from, record } = unsaved
      try {
        const kept = await journal.keep(from, record)
        unsaved = undefined
        if (kept === 'gone') abandon(record)
      } catch (error) {
        const token = goodToken(record, asked.name, refused)
        if (token) return token
        throw error
      }
    }
    const held = await journal.read()
    const next = await begin?.(held?.record)
    if (next) await journal.replace(next, held?.version ?? null)
    else if (!held) throw signedOut()
    return held && !next ? goodToken(held.record, asked.name, refused) : undefined
  }

  /** Undefined when somebody else may still be spending the refresh token. */
  async function renewed(
    lease: Lease,
    send: SendRefresh,
    asked: Asked,
    refused: AccessToken | undefined,
    told: Told,
  ): Promise<AccessToken | undefined> {
    for (;;) {
      const held = await journal.read()
      if (!held) throw signedOut()
      const { record } = held
      const found = goodToken(record, asked.name, refused)
      if (found) return found
      if (record.answer) {
        // Left by a holder who died before it could read it.
        const left = settled(record, record.answer).record
        if ((await journal.keep(held, left)) === 'gone') told.afterwards.push(() => abandon(left))
        continue
      }
      if (!record.refreshToken) throw ended(record.ended)
      if ((record.restsUntil ?? 0) > Date.now()) throw resting(record.restsUntil)
      if (lease.remaining() < LEAST || (record.intent && busy(record.intent))) return undefined
      const intended = await journal.advance(held, {
        ...record,
        intent: { holder: me, at: Date.now() },
        ...(record.intent && { unanswered: true }),
      })
      if (!intended) continue
      const token = await spent(intended, lease, send, asked, told)
      if (token) return token
    }
  }

  /** Undefined when somebody else has written what is newer. */
  async function spent(
    intended: Held,
    lease: Lease,
    send: SendRefresh,
    asked: Asked,
    told: Told,
  ): Promise<AccessToken | undefined> {
    let at = intended
    const sent = () => send(intended.record, asked, Math.min(REQUEST_TIMEOUT, lease.remaining()))
    const reply = await sent()
      .catch((error) => {
        if (error?.code !== 'token_unavailable' || lease.remaining() < LEAST) throw error
        // The answer may be lost. Some servers give it again, for a short while.
        at = { ...at, record: { ...at.record, unanswered: true } }
        return sent()
      })
      .catch(async (error) => {
        // What was refused here never left, so nothing is in doubt.
        if (error?.code !== 'token_unavailable') await unwritten(journal.keep(at, withoutIntent(at.record)))
        throw error
      })
    const { status, text, headers } = reply
    const nonce = headers.get('dpop-nonce')
    const answer: StoredAnswer = { status, text, receivedAt: Date.now(), asked: asked.name, ...(nonce && { nonce }) }
    let kept: Kept | undefined
    if (status === 200) kept = await unwritten(journal.keep(at, { ...at.record, answer, issuedAt: answer.receivedAt }))
    if (typeof kept === 'object') at = kept
    const { record, token, error } = settled(at.record, answer, headers)
    if (typeof kept !== 'string') kept = await saved(at, record, told)
    if (kept === 'gone') {
      told.afterwards.push(() => abandon(record))
      throw signedOut()
    }
    if (kept === 'newer') return undefined
    if (record.ended) {
      const { ended: reason } = record
      told.afterwards.push(() => told.report({ type: 'session_ended', reason }))
      throw ended(reason)
    }
    if (error) throw error
    return token
  }

  async function saved(from: Held, record: SessionRecord, { report, afterwards }: Told): Promise<Kept | undefined> {
    try {
      return await journal.keep(from, record)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      unsaved = { from, record }
      afterwards.push(() => report({ type: 'unsaved', code: error.code }))
      return undefined
    }
  }

  function busy({ holder, at }: Intent): boolean {
    // A lock that ends only with its holder tells that the one before is gone; a lease only that it was slow.
    if (store.traits.lock !== 'lease' || holder === me) return false
    const age = Date.now() - at
    return age >= 0 && age < GRACE
  }
}

/** What must wait until the lock is free. */
interface Told {
  readonly report: (event: ClientEvent) => void
  readonly afterwards: (() => void)[]
}

/** Undefined when the store could not write it: the next write says more, and is made in any case. */
function unwritten(work: Promise<Kept>): Promise<Kept | undefined> {
  return work.catch((error) => {
    if (error instanceof StoreError) return undefined
    throw error
  })
}

function withoutIntent({ intent: _, ...record }: SessionRecord): SessionRecord {
  return record
}
