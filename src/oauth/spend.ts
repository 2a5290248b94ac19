// Spends a refresh token under the lock. Each step is written before the next is taken, so that whoever comes after a crash knows how far it got.
import { StoreError } from '../errors.ts'
import type { ClientEvent } from '../events.ts'
import { sleep } from '../timing.ts'
import type { AccessToken, CredentialStore, Lease } from '../types.ts'
import type { Reply } from './client.ts'
import { contended, TRIES } from './contention.ts'
import type { Journal, Kept } from './journal.ts'
import {
  goodToken,
  type Held,
  type Intent,
  issuedAfter,
  type Obtained,
  type SessionRecord,
  type StoredAnswer,
  settled,
} from './record.ts'
import { REQUEST_TIMEOUT } from './server.ts'
import { ended, LONGEST_REST, notGranted, resting, signedOut } from './verdict.ts'

/** What a token is wanted for: its name in the record, and what the request says of it. */
export interface Asked {
  readonly name: string
  /** What must have been granted at sign-in, where that is known. */
  readonly scope?: string | undefined
  readonly parameters: URLSearchParams
}

/** Sends the refresh token of a record. */
export type SendRefresh = (record: SessionRecord, asked: Asked, timeout: number) => Promise<Reply>

export type Report = (event: ClientEvent) => void

interface Spender {
  /** Undefined when somebody else may still be spending the refresh token. */
  renewed(
    lease: Lease,
    send: SendRefresh,
    asked: Asked,
    refused: AccessToken | undefined,
    told: Told,
  ): Promise<Obtained | undefined>
  /** Could not be written yet: the newest refresh token is only here, so it is not spent. */
  unsaved(): Unsaved | undefined
  /** Writes it. @throws StoreError */
  save(): Promise<void>
  forget(): void
}

interface Unsaved {
  readonly from: Held
  readonly record: SessionRecord
}

/** Of one call. */
interface Told {
  readonly report: Report
  /** What must wait until the lock is free. */
  readonly afterwards: (() => void)[]
  /** Somebody wrote while we held the lock: it does not keep everybody out. */
  raced: boolean
}

/** Milliseconds for which an intent is respected that another holder, now paused or dead, wrote under a lock that only lapsed: longer than it may take him. */
const GRACE = 15_000
/** Milliseconds between an intent and the request: who was stopped for longer no longer counts on it. */
const PROMPT = 2000
/** Milliseconds within which somebody whom the lock did not keep out has written what he got. */
const RACE = 1000

export function createSpender(
  store: CredentialStore,
  journal: Journal,
  abandon: (record: SessionRecord) => void,
): Spender {
  // Drawn when it is first needed: a worker may draw nothing while it is loaded.
  let drawn: string | undefined
  const me = () => (drawn ??= crypto.randomUUID())
  let unsaved: Unsaved | undefined

  return {
    unsaved: () => unsaved,
    forget: () => (unsaved = undefined),
    async save() {
      if (!unsaved) return
      const { from, record } = unsaved
      const kept = await journal.keep(from, record)
      if (unsaved?.record === record) unsaved = undefined
      if (kept === 'gone') abandon(record)
    },
    async renewed(lease, send, asked, refused, told) {
      for (let tries = 0; tries < TRIES; tries++) {
        const held = await journal.read()
        if (!held) throw signedOut()
        const { record } = held
        const token = goodToken(record, asked.name, refused)
        if (token) return { token, session: record.session, found: true }
        if (record.answer) {
          // Left by a holder who died before it could read it.
          await journal.keep(held, settled(record, record.answer).record)
          continue
        }
        if (!record.refreshToken) throw ended(record.ended)
        if (rests(record)) throw resting(record.restsUntil)
        guardScope(record.scope, asked.scope)
        if (lease.lost.aborted || (record.intent && busy(record.intent, told))) return undefined
        const began = performance.now()
        const intended = await intend(held, record.intent !== undefined)
        if (performance.now() - began > PROMPT) return undefined
        const obtained = intended && (await spent(intended, send, asked, told))
        if (obtained) return obtained
        told.raced = true
      }
      throw contended(store)
    },
  }

  /** Written before the refresh token leaves. Undefined when somebody else wrote first. */
  async function intend(held: Held, unanswered: boolean): Promise<Held | undefined> {
    const intent = { holder: me(), at: Date.now() }
    return journal.advance(held, { ...held.record, intent, ...(unanswered && { unanswered: true as const }) })
  }

  /** Undefined when somebody else has written what is newer. */
  async function spent(intended: Held, send: SendRefresh, asked: Asked, told: Told): Promise<Obtained | undefined> {
    const sent = await answered(intended, send, asked)
    if (!sent) return undefined
    const { at, reply } = sent
    const { status, text, headers } = reply
    const nonce = headers.get('dpop-nonce')
    const answer: StoredAnswer = { status, text, receivedAt: Date.now(), asked: asked.name, ...(nonce && { nonce }) }
    const journalled: Kept | undefined =
      status === 200
        ? await unwritten(journal.keep(at, { ...at.record, answer, issuedAt: issuedAfter(at.record) }))
        : undefined
    const from = typeof journalled === 'object' ? journalled : at
    const { record, token, error } = settled(from.record, answer, headers)
    if (record.ended) return lost(from, record, told)
    const kept = typeof journalled === 'string' ? journalled : await saved(from, record, told)
    if (kept === 'gone') {
      told.afterwards.push(() => abandon(record))
      throw signedOut()
    }
    // Of a session that another took the place of, what came is dropped: some servers would end the new one with it.
    if (kept === 'newer' || kept === 'replaced') return undefined
    if (!token) throw error
    return { token, session: record.session }
  }

  /** The answer, asked for once more when the first was lost: some servers give it again, for a short while. */
  async function answered(
    intended: Held,
    send: SendRefresh,
    asked: Asked,
  ): Promise<{ at: Held; reply: Reply } | undefined> {
    try {
      return { at: intended, reply: await send(intended.record, asked, REQUEST_TIMEOUT) }
    } catch (error) {
      if (!isUnavailable(error)) {
        // What was refused here never left, so nothing is in doubt.
        await unwritten(journal.keep(intended, withoutIntent(intended.record)))
        throw error
      }
    }
    const at = await intend(intended, true)
    return at && { at, reply: await send(at.record, asked, REQUEST_TIMEOUT) }
  }

  /** The server took the refresh token for used up: true, unless somebody whom the lock did not keep out has just used it. */
  async function lost(from: Held, record: SessionRecord, told: Told): Promise<undefined> {
    if (told.raced || record.ended === 'answer_lost')
      for (const start = performance.now(); performance.now() - start < RACE; await sleep(RACE / 10))
        if ((await journal.read())?.version !== from.version) return undefined
    if (!(await journal.advance(from, record))) return undefined
    const reason = record.ended as 'refused' | 'answer_lost'
    told.afterwards.push(() => told.report({ type: 'session_ended', reason }))
    throw ended(reason)
  }

  async function saved(from: Held, record: SessionRecord, { report, afterwards }: Told): Promise<Kept | undefined> {
    try {
      return await journal.keep(from, record)
    } catch (error) {
      const code = error instanceof StoreError ? error.code : 'unavailable'
      unsaved = { from, record }
      afterwards.push(() => report({ type: 'unsaved', code }))
      return undefined
    }
  }

  function busy({ holder, at }: Intent, { raced }: Told): boolean {
    // A lock that ends only with its holder tells that the one before is gone; a lease only that it was slow.
    if ((store.traits.lock !== 'lease' && !raced) || holder === me()) return false
    // Clocks of two machines differ a little.
    return Math.abs(Date.now() - at) < GRACE
  }
}

/** Asked for more than was granted, some servers use the refresh token up and give nothing. */
function guardScope(granted: string | undefined, wanted: string | undefined): void {
  const known = granted?.split(' ')
  const missing = known && wanted?.split(' ').filter((scope) => !known.includes(scope))
  if (missing?.length) throw notGranted(missing.join(' '))
}

/** A rest that is longer than any we keep was written by another clock. */
function rests({ restsUntil = 0 }: SessionRecord): boolean {
  const left = restsUntil - Date.now()
  return left > 0 && left <= LONGEST_REST
}

function isUnavailable(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === 'token_unavailable'
}

/** Undefined when the store could not write it: the next write says more, and is made in any case. */
function unwritten(work: Promise<Kept>): Promise<Kept | undefined> {
  return work.catch(() => undefined)
}

function withoutIntent({ intent: _, ...record }: SessionRecord): SessionRecord {
  return record
}
