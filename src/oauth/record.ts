// What a session keeps: its tokens, and the journal of the renewal that is under way.
import { fromBase64url, fromUtf8, utf8 } from '../crypto/bytes.ts'
import { type OAuthError, StoreError } from '../errors.ts'
import { Secret } from '../secret.ts'
import type { AccessToken, CredentialStore, Entry } from '../types.ts'
import { type Answer, readTokens } from './token-endpoint.ts'
import { invalidIssuer } from './verdict.ts'

export interface SessionRecord {
  readonly format: 1
  /** Of one sign-in: what belongs to another is never mixed with it. */
  readonly session: string
  /** Who gave its tokens, and so the only one who is sent them. */
  readonly issuer?: string
  readonly refreshToken?: string
  /** By what was asked for: scope and resource. */
  readonly tokens: Readonly<Record<string, StoredToken>>
  /** Milliseconds since the epoch: when the newest of them were received. */
  readonly issuedAt: number
  /** What was granted at sign-in. */
  readonly scope?: string
  readonly idToken?: string
  /** The refresh tokens that the user brought, the newest first, as digests: another one begins another session. */
  readonly seeds?: readonly string[]
  /** A refresh token is being spent; written before it leaves. */
  readonly intent?: Intent
  /** An attempt with this refresh token got no answer: the server may have given a newer one that never arrived. */
  readonly unanswered?: true
  /** What came back for it; written before it is read. */
  readonly answer?: StoredAnswer
  /** Milliseconds since the epoch: the server asked not to come back before. */
  readonly restsUntil?: number
  /** Of the token endpoint, for the next DPoP proof: some servers spend the refresh token before they ask for a nonce. */
  readonly nonce?: string
  /** The server refused the refresh token; `answer_lost` when it may have been spent by an answer that never arrived. */
  readonly ended?: 'refused' | 'answer_lost'
}

interface StoredToken {
  readonly value: string
  readonly type: string
  readonly receivedAt: number
  readonly expiresAt?: number
  readonly scope?: string
}

export interface Intent {
  readonly holder: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface StoredAnswer extends Answer {
  /** The name of what was asked for. */
  readonly asked: string
  readonly nonce?: string
}

export interface Held {
  readonly record: SessionRecord
  readonly version: Entry['version']
}

/** @throws StoreError `corrupt` */
export function readRecord(entry: Entry, store: CredentialStore): Held {
  try {
    const record = JSON.parse(fromUtf8(entry.value))
    if (record.format === 1 && typeof record.session === 'string' && typeof record.tokens === 'object')
      return { record, version: entry.version }
  } catch {}
  throw new StoreError(
    'corrupt',
    store.traits.backend,
    'What is stored is no session that this version can read. It was left as it is: update, or sign out and in again.',
  )
}

export function writtenRecord(record: SessionRecord): Uint8Array {
  return utf8(JSON.stringify(record))
}

/** A token, the session it is of, and whether it was there already. */
export interface Obtained {
  readonly token: AccessToken
  readonly session: string
  readonly found?: boolean
}

/** The token for what is asked, unless it ends now or is the refused one. */
export function goodToken(
  record: SessionRecord,
  asked: string,
  refused: AccessToken | undefined,
): AccessToken | undefined {
  const token = record.tokens[asked]
  if (!token || refused?.value.use((value) => value === token.value)) return undefined
  const { value, receivedAt, ...rest } = token
  // The end of a token that is nearly over would come before the request does.
  const margin = Math.min(((rest.expiresAt ?? 0) - receivedAt) / 10, 5000)
  if ((rest.expiresAt ?? Number.POSITIVE_INFINITY) - margin <= Date.now()) return undefined
  const granted = record.scope === undefined ? {} : { scope: record.scope }
  return { ...granted, ...rest, value: new Secret(value) }
}

/** By the order of renewals, also where clocks differ or jump: when something received now was issued. */
export function issuedAfter({ issuedAt }: SessionRecord): number {
  return Math.max(issuedAt + 1, Date.now())
}

/** The record after an answer, whatever the answer is: nothing that it gave is lost to the failure of something else in it. */
export function settled(
  record: SessionRecord,
  answer: StoredAnswer,
  headers?: Headers,
): { record: SessionRecord; token?: AccessToken; error?: OAuthError } {
  const { intent: _, answer: __, restsUntil: ___, ...rest } = record
  // Journalled before, it already has its place in the order.
  const issuedAt = record.answer ? record.issuedAt : issuedAfter(record)
  const { token, refreshToken, idToken, error } = readTokens(answer, headers)
  if (error?.code === 'session_ended') {
    const { refreshToken: ____, ...last } = rest
    return { record: { ...last, ended: rest.unanswered ? 'answer_lost' : 'refused' }, error }
  }
  const kept: SessionRecord = {
    ...rest,
    ...(refreshToken && { refreshToken, issuedAt }),
    ...(answer.nonce && { nonce: answer.nonce }),
    // A gateway may have lost what the server behind it had given.
    ...(answer.status >= 500 && { unanswered: true }),
  }
  if (error) return { record: { ...kept, ...(error.retryAt && { restsUntil: error.retryAt }) }, error }
  if (idToken && rest.idToken && !sameUser(rest.idToken, idToken))
    return { record: kept, error: invalidIssuer('The server renewed the token for another user. It is not used.') }
  const { unanswered: ____, ended: _____, ...clear } = kept
  const now = Date.now()
  const living = Object.entries(rest.tokens).filter(([, { expiresAt }]) => expiresAt === undefined || expiresAt > now)
  const { receivedAt } = answer
  return {
    ...(token && { token }),
    record: {
      ...clear,
      issuedAt,
      ...(idToken && { idToken }),
      tokens: {
        ...Object.fromEntries(living),
        ...(token && { [answer.asked]: { ...token, value: token.value.use((text) => text), receivedAt } }),
      },
    },
  }
}

/** OpenID Connect Core, section 12.2. What was encrypted for somebody else names nobody to compare with. */
function sameUser(before: string, now: string): boolean {
  const [a, b] = [claimsOf(before), claimsOf(now)]
  return a === undefined || (a.sub === b?.sub && a.iss === b?.iss)
}

/** The claims of an ID token (OpenID Connect Core, section 2), unverified. */
export function claimsOf(idToken: string): Record<string, unknown> | undefined {
  try {
    const claims = JSON.parse(fromUtf8(fromBase64url(idToken.split('.')[1] ?? '') ?? new Uint8Array()))
    return typeof claims === 'object' && claims !== null ? claims : undefined
  } catch {
    return undefined
  }
}
