import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { memoryStore } from '../../src/index.ts'
import { claimsOf, goodToken, issuedAfter, readRecord, type SessionRecord, settled } from '../../src/oauth/record.ts'
import { Secret } from '../../src/secret.ts'
import { textOf } from './token.ts'

const NOW = Date.UTC(2026, 10, 28)
beforeEach(() => void vi.useFakeTimers({ now: NOW, toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

const idToken = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`
const ada = { iss: 'https://login.example.com', sub: 'ada' }
const old: SessionRecord = {
  format: 1,
  session: 's',
  refreshToken: 'r0',
  tokens: {},
  issuedAt: NOW - 5000,
  intent: { holder: 'me', at: NOW },
  restsUntil: NOW - 1,
}
const answer = (body: unknown, status = 200) => ({
  status,
  text: JSON.stringify(body),
  receivedAt: NOW - 10,
  asked: 'all',
})
const tokens = { access_token: 'a1', token_type: 'Bearer', expires_in: 60 }

describe('a token is good', () => {
  const token = (more: object) => ({
    ...old,
    tokens: { all: { value: 'a', type: 'Bearer', receivedAt: NOW - 1000, ...more } },
  })

  it.each([
    ['without an end', {}, true],
    ['that has not ended', { expiresAt: NOW + 6000 }, true],
    // The last tenth of its life, but no more than 5 s, is left for the way.
    ['at the start of its last 5 s', { expiresAt: NOW + 5000, receivedAt: NOW - 1_000_000 }, false],
    ['just before', { expiresAt: NOW + 5001, receivedAt: NOW - 1_000_000 }, true],
    ['of a short life, in its last tenth', { expiresAt: NOW + 100, receivedAt: NOW - 900 }, false],
    ['of a short life, before', { expiresAt: NOW + 101, receivedAt: NOW - 900 }, true],
    ['that has ended', { expiresAt: NOW }, false],
  ])('%s: %j is %s', (_, more, good) => {
    expect(goodToken(token(more), 'all', undefined) !== undefined).toBe(good)
  })

  it('unless it is the refused one, or for something else', () => {
    const refused = (value: string) => ({ value: new Secret(value), type: 'Bearer' })
    expect(goodToken(token({}), 'all', refused('a'))).toBeUndefined()
    expect(goodToken(token({}), 'all', refused('b'))).toBeDefined()
    expect(goodToken(token({}), 'other', undefined)).toBeUndefined()
  })

  it('and says what was granted: its own scope, or that of the sign-in', () => {
    const given = goodToken({ ...token({ expiresAt: NOW + 9000 }), scope: 'read' }, 'all', undefined)
    expect({ ...given, value: given && textOf(given) }).toEqual({
      value: 'a',
      type: 'Bearer',
      expiresAt: NOW + 9000,
      scope: 'read',
    })
    expect(goodToken({ ...token({ scope: 'write' }), scope: 'read' }, 'all', undefined)?.scope).toBe('write')
    expect(goodToken(token({}), 'all', undefined)).not.toHaveProperty('scope')
  })
})

describe('an answer is settled', () => {
  it('with all it gave, and nothing of the renewal is left', () => {
    const { record, token, error } = settled({ ...old, unanswered: true, ended: 'refused' } as SessionRecord, {
      ...answer({ ...tokens, refresh_token: 'r1', id_token: idToken(ada) }),
      nonce: 'n',
    })
    expect(record).toEqual({
      format: 1,
      session: 's',
      refreshToken: 'r1',
      issuedAt: NOW,
      nonce: 'n',
      idToken: idToken(ada),
      tokens: { all: { value: 'a1', type: 'Bearer', expiresAt: NOW - 10 + 60_000, receivedAt: NOW - 10 } },
    })
    expect([token && textOf(token), error]).toEqual(['a1', undefined])
  })

  it('beside the tokens that still live', () => {
    const stored = (expiresAt?: number) => ({
      value: 'x',
      type: 'Bearer',
      receivedAt: 0,
      ...(expiresAt && { expiresAt }),
    })
    const before = { ...old, tokens: { endless: stored(), living: stored(NOW + 1), over: stored(NOW) } }
    expect(Object.keys(settled(before, answer(tokens)).record.tokens).sort()).toEqual(['all', 'endless', 'living'])
  })

  it('at the place in the order that it was journalled with', () => {
    expect(settled(old, answer(tokens)).record.issuedAt).toBe(NOW)
    const journalled = { ...old, answer: answer(tokens) }
    expect(settled(journalled, answer(tokens)).record.issuedAt).toBe(NOW - 5000)
    expect(settled(journalled, answer(tokens)).record).not.toHaveProperty('answer')
    expect(issuedAfter({ ...old, issuedAt: NOW + 7 })).toBe(NOW + 8)
    expect(issuedAfter({ ...old, issuedAt: NOW - 7 })).toBe(NOW)
  })

  it('a refusal of the refresh token ends the session, and says whether an answer may have been lost', () => {
    const { record, error } = settled(old, answer({ error: 'invalid_grant' }, 400))
    expect(record).toEqual({ format: 1, session: 's', tokens: {}, issuedAt: NOW - 5000, ended: 'refused' })
    expect(error?.code).toBe('session_ended')
    expect(settled({ ...old, unanswered: true }, answer({ error: 'invalid_grant' }, 400)).record.ended).toBe(
      'answer_lost',
    )
  })

  it('another error keeps the refresh token, and when not to come back before', () => {
    const later = settled(old, answer({}, 429), new Headers({ 'retry-after': '7' }))
    expect(later.record).toEqual({
      format: 1,
      session: 's',
      refreshToken: 'r0',
      tokens: {},
      issuedAt: NOW - 5000,
      restsUntil: NOW + 7000,
    })
    expect(later.error?.code).toBe('token_unavailable')
    expect(later.token).toBeUndefined()
    const misconfigured = settled(old, answer({ error: 'invalid_client' }, 401)).record
    expect(misconfigured).not.toHaveProperty('restsUntil')
    expect(misconfigured).not.toHaveProperty('unanswered')
  })

  it('of a gateway in trouble, the answer behind it may be lost', () => {
    expect(settled(old, answer({}, 500)).record.unanswered).toBe(true)
    expect(settled(old, answer({}, 499)).record).not.toHaveProperty('unanswered')
  })

  it('a refresh token that comes without an access token is kept', () => {
    const { record, error } = settled(old, answer({ refresh_token: 'r1' }))
    expect(record).toMatchObject({ refreshToken: 'r1', issuedAt: NOW })
    expect(error?.code).toBe('token_unavailable')
  })

  it.each([
    ['another subject', { ...ada, sub: 'eve' }, false],
    ['another issuer', { ...ada, iss: 'https://evil.example' }, false],
    ['the same user', { ...ada, iat: 1 }, true],
    ['nobody', 'no claims', false],
  ])('an ID token of %s', (_, claims, fine) => {
    const signedIn = { ...old, idToken: idToken(ada) }
    const renewed = { ...tokens, refresh_token: 'r1', id_token: idToken(claims) }
    const { record, error, token } = settled(signedIn, answer(renewed))
    expect(record).toMatchObject({ refreshToken: 'r1', tokens: fine ? { all: { value: 'a1' } } : {} })
    expect([error?.code, token !== undefined]).toEqual(fine ? [undefined, true] : ['issuer_invalid', false])
    expect(record.idToken).toBe(idToken(fine ? claims : ada))
  })

  it('an ID token that cannot be read is not the user’s, and before one that could not be read nobody was named', () => {
    expect([claimsOf(''), claimsOf('a.!.c'), claimsOf('a.b'), claimsOf('a.bnVsbA.c')]).toEqual(Array(4).fill(undefined))
    expect(claimsOf(idToken(ada))).toEqual(ada)
    const readable = { ...old, idToken: idToken(ada) }
    expect(settled(readable, answer({ ...tokens, id_token: 'x' })).error?.code).toBe('issuer_invalid')
    expect(settled({ ...old, idToken: 'x' }, answer({ ...tokens, id_token: 'x' })).error).toBeUndefined()
  })
})

it.each([
  ['no JSON', '{'],
  ['nothing', 'null'],
  ['another format', JSON.stringify({ ...old, format: 2 })],
  ['no session', JSON.stringify({ ...old, session: undefined })],
  ['no tokens', JSON.stringify({ ...old, tokens: undefined })],
])('what is stored is no session: %s', (_, text) => {
  const entry = { value: new TextEncoder().encode(text), version: 1 as never }
  expect(() => readRecord(entry, memoryStore())).toThrow(expect.objectContaining({ code: 'corrupt' }))
})

it('what is stored is read with its version', () => {
  const entry = { value: new TextEncoder().encode(JSON.stringify(old)), version: 3 as never }
  expect(readRecord(entry, memoryStore())).toEqual({ record: old, version: 3 })
})
