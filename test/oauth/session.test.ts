import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ClientEvent, createClient, memoryStore } from '../../src/index.ts'
import { type RefreshTokenOptions, refreshToken } from '../../src/oauth/oauth.ts'
import type { CredentialStore } from '../../src/types.ts'
import { answers, dropped } from '../servers/authorization.ts'
import { onServer } from './on-server.ts'
import { failure, given, textOf } from './token.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('a session on a server that rotates', () => {
  it('the first request renews, the next ones share what came, and the newest refresh token is in the store', async () => {
    const { as, login, client, stored } = await onServer()
    expect(await client.get('api').json()).toEqual({ bearer: 'access-2' })
    await client.get('api')
    expect(as.tokenRequests.map(({ form }) => form.get('refresh_token'))).toEqual(['refresh-0'])
    expect(await stored()).toMatchObject({ refreshToken: 'refresh-1' })
    expect(await stored()).not.toHaveProperty('intent')
    expect(await login.signedIn()).toBe(true)
  })

  it('B1 100 parallel calls make one token request', async () => {
    const { as, client } = await onServer()
    await Promise.all(Array.from({ length: 100 }, () => client.get('api').json()))
    expect(as.tokenRequests).toHaveLength(1)
    expect(as.served).toEqual({ good: 100, bad: 0 })
  })

  it('B1 nor do 1,000 at the moment of expiry, in four objects that share a store', async () => {
    const { as, store, open } = await onServer()
    as.lifetime = 1
    const clients = Array.from({ length: 4 }, () => open(store))
    await clients[0]?.client.get('api')
    await new Promise((resolve) => setTimeout(resolve, 1050))
    as.lifetime = 600
    const calls = Array.from({ length: 1000 }, (_, i) => clients[i % 4]?.client.get('api').json())
    const failed = (await Promise.allSettled(calls)).filter(({ status }) => status === 'rejected')
    expect(failed).toEqual([])
    expect(as.tokenRequests).toHaveLength(2)
    expect(as.refusals).toEqual([])
  })

  it('B2 a refused token is renewed once, by all who share the store, whenever they hear of it', async () => {
    const { as, store, open } = await onServer()
    const [one, two] = [open(store).login, open(store).login]
    const old = await one.token(given())
    expect(textOf(await two.token(given()))).toBe(textOf(old))
    expect(await one.renew?.(old, [], given())).toBe(true)
    for (const login of [one, two, one, open(store).login]) {
      expect(await login.renew?.(old, [], given())).toBe(true)
      expect(textOf(await login.token(given()))).toBe('access-4')
    }
    expect(as.tokenRequests).toHaveLength(2)
  })

  it('B3 the abort of the caller who began it fails nobody else, and loses no answer', async () => {
    const { as, login, stored } = await onServer()
    as.slow = 100
    const control = new AbortController()
    const first = login.token(given({ signal: control.signal }))
    const second = login.token(given())
    setTimeout(() => control.abort('mine alone'), 50)
    await expect(first).rejects.toBe('mine alone')
    expect(textOf(await second)).toBe('access-2')
    expect(await stored()).toMatchObject({ refreshToken: 'refresh-1' })
    expect(as.tokenRequests).toHaveLength(1)
  })

  it('P10 B10 a server that omits the refresh token, or gives the same again, keeps the session', async () => {
    for (const habit of ['omits', 'still'] as const) {
      const { as, login, stored } = await onServer({}, { habit })
      let token = await login.token(given())
      for (let round = 0; round < 3; round++) {
        await login.renew?.(token, [], given())
        token = await login.token(given())
      }
      expect(await stored()).toMatchObject({ refreshToken: 'refresh-0' })
      expect(as.refusals).toEqual([])
    }
  })

  it('B10 what was granted is what the token says, also when it is less than was asked', async () => {
    const { login } = await onServer({ scope: 'read write' }, { extra: { scope: 'read' } })
    expect(await login.token(given())).toMatchObject({ scope: 'read' })
  })

  it('B25 tokens for several resources come one after the other, and what was not granted is refused here', async () => {
    const resource = ['https://a.example', 'https://b.example'] as const
    const { as, login, open, store } = await onServer({ resource })
    const other = open(store).login
    const tokens = await Promise.all([
      login.token(given()),
      login.for({ resource: resource[1] }).token(given()),
      other.for({ scope: 'read' }).token(given()),
      other.token(given()),
    ])
    expect(new Set(tokens.map(textOf)).size).toBe(3)
    expect(as.tokenRequests.map(({ form }) => [form.get('resource'), form.get('scope')])).toEqual(
      expect.arrayContaining([
        ['https://a.example', null],
        ['https://b.example', null],
        ['https://a.example', 'read'],
      ]),
    )
    expect(as.tokenRequests).toHaveLength(3)
    expect(as.refusals).toEqual([])
    expect(() => login.for({ resource: 'https://c.example' })).toThrow('sign in again')
    expect(as.tokenRequests).toHaveLength(3)
  })

  it('B25 a scope that was not granted is refused here', async () => {
    const { as, login } = await onServer({ scope: 'read' })
    await login.token(given())
    expect(await failure(login.for({ scope: 'write' }).token(given()))).toMatchObject({ code: 'client_misconfigured' })
    expect(as.tokenRequests).toHaveLength(1)
  })

  it('B24 accounts, clients, issuers and stores keep their sessions apart', async () => {
    const { as, store, open } = await onServer({ refreshToken: async () => 'refresh-0' })
    as.habit = 'still'
    const { login } = open(store)
    await login.token(given())
    await login.account('alice').token(given())
    await login.account('bob').token(given())
    await open(store, { clientId: 'another' }).login.token(given())
    await login.inStore(memoryStore()).token(given())
    expect(as.tokenRequests).toHaveLength(5)
    await login.account('alice').token(given())
    expect(login.account('alice')).toBe(login.account('alice'))
    await login.account('alice').signOut()
    expect(await store.get(`oauth ${JSON.stringify([as.issuer, 'app', 'refresh_token', 'alice'])}`)).toBeUndefined()
    expect(await login.account('bob').signedIn()).toBe(true)
    expect(as.tokenRequests).toHaveLength(5)
    expect(() => login.account('')).toThrow('user id')
  })

  it('P14 on a server, with a store for each request, it says whether to send its content back', async () => {
    const { store, open } = await onServer()
    const login = open(memoryStore()).login
    const request = login.inStore(store)
    expect(request.changed()).toBe(false)
    await request.token(given())
    expect(request.changed()).toBe(true)
    const next = login.inStore(store)
    await next.token(given())
    expect(next.changed()).toBe(false)
    await next.signOut()
    expect(next.changed()).toBe(true)
  })

  it('a refresh token that the user replaces begins another session; an older one does not come back', async () => {
    const { as, store, open, stored } = await onServer()
    await open(store).login.token(given())
    await open(store).login.token(given())
    expect(as.tokenRequests).toHaveLength(1)
    as.habit = 'still'
    await failure(open(store, { refreshToken: 'new one' }).login.token(given()))
    expect(as.tokenRequests[1]?.form.get('refresh_token')).toBe('new one')
    const { session } = await stored()
    expect(await failure(open(store).login.token(given()))).toMatchObject({ code: 'session_ended' })
    expect(await stored()).toMatchObject({ session })
    expect(as.tokenRequests).toHaveLength(2)
    expect(JSON.stringify(await stored())).not.toContain('new one')
  })
})

describe('signing out', () => {
  it('ends the session in the store and at the server, for all who share it', async () => {
    const { as, store, open, stored } = await onServer()
    const [one, two] = [open(store), open(store)]
    await one.login.token(given())
    await two.login.token(given())
    expect(await one.login.signOut()).toEqual({ revoked: true })
    expect(as.revoked).toEqual(['refresh-1'])
    expect(await stored()).toBeUndefined()
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 1001)
    as.dead = true
    expect(await failure(two.login.token(given()))).toMatchObject({ code: 'session_ended' })
  })

  it('does not fail because the server cannot be told', async () => {
    const { as, login, stored } = await onServer({ metadata: { token_endpoint: 'http://127.0.0.1:1/token' } })
    expect(await login.signOut()).toEqual({ revoked: false })
    as.close()
    expect(await stored()).toBeUndefined()
  })

  it('B23 during a renewal, here or elsewhere, discards what comes, and revokes it', async () => {
    for (const elsewhere of [false, true]) {
      const { as, store, open, stored } = await onServer()
      const { login } = open(store)
      const old = await login.token(given())
      as.slow = 150
      const renewal = failure((login.renew as NonNullable<typeof login.renew>)(old, [], given()))
      await vi.waitFor(() => expect(as.tokenRequests).toHaveLength(2))
      await (elsewhere ? open(store).login : login).signOut()
      expect(await renewal).toMatchObject({ code: 'interaction_required' })
      expect(await stored()).toBeUndefined()
      await vi.waitFor(() => expect([...as.revoked].sort()).toEqual(['refresh-1', 'refresh-3']))
    }
  })
})

describe('a token endpoint in trouble', () => {
  it('B13 B14 costs no session, and says what to do', async () => {
    const { as, login, stored } = await onServer()
    as.lifetime = 0
    vi.spyOn(Math, 'random').mockReturnValue(0)
    for (const [fault, code] of [
      [answers(503, { a: 1 }), 'token_unavailable'],
      [answers(429, {}, { 'retry-after': '0' }), 'token_unavailable'],
      [answers(200, '<html>log in to the network</html>'), 'token_unavailable'],
      [answers(302, '', { location: 'https://evil.example/' }), 'token_unavailable'],
      [answers(200, { token_type: 'bearer' }), 'token_unavailable'],
      [dropped, 'token_unavailable'],
      [answers(400, { error: 'invalid_client' }), 'client_misconfigured'],
      [answers(401, 'no'), 'client_misconfigured'],
      [answers(400, { error: 'invalid_scope' }), 'client_misconfigured'],
      [answers(200, { error: 'unauthorized_client' }), 'client_misconfigured'],
      [answers(400, { error: 'interaction_required' }), 'interaction_required'],
    ] as const) {
      as.faults.push(fault, fault, fault, fault)
      expect(await failure(login.token(given()))).toMatchObject({ code })
      as.faults.length = 0
      expect(await stored()).toMatchObject({ refreshToken: 'refresh-0' })
    }
    as.lifetime = 600
    expect(textOf(await login.token(given()))).toBe('access-2')
  })

  it('B13 a short Retry-After is waited out once for everybody; a long one is told, also to those who share the store', async () => {
    const { as, store, open } = await onServer()
    as.faults.push(answers(429, {}, { 'retry-after': '1' }))
    const [one, two] = [open(store).login, open(store).login]
    const began = performance.now()
    await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? one : two).token(given())))
    expect(performance.now() - began).toBeGreaterThan(990)
    expect(as.tokenRequests).toHaveLength(2)
    as.faults.push(answers(503, {}, { 'retry-after': '120' }))
    const old = await one.token(given())
    const renewed = (login: typeof one) => failure((login.renew as NonNullable<typeof one.renew>)(old, [], given()))
    for (const error of [await renewed(one), await renewed(two), await renewed(open(store).login)]) {
      expect(error).toMatchObject({ code: 'token_unavailable', retryable: true })
      expect((error.retryAt ?? 0) - Date.now()).toBeGreaterThan(100_000)
    }
    expect(as.tokenRequests).toHaveLength(3)
  })

  it('B8 a lost answer is asked for once more: a server with a grace gives it, a strict one ends the session, told once', async () => {
    for (const habit of ['grace', 'previous'] as const) {
      const { as, login, stored } = await onServer({}, { habit })
      as.after.push(dropped)
      expect(textOf(await login.token(given()))).toMatch(/^access/)
      expect(await stored()).not.toHaveProperty('unanswered')
      expect(as.tokenRequests).toHaveLength(2)
    }
    const { as, login, client, events } = await onServer()
    await client.get('api')
    const old = await login.token(given())
    as.after.push(dropped)
    const renew = (login.renew as NonNullable<typeof login.renew>).bind(login)
    const context = given({ report: (event) => events.push(event) })
    expect(await failure(renew(old, [], context))).toMatchObject({ code: 'session_ended', reason: 'answer_lost' })
    // What is still good goes on being served, to its end.
    expect(textOf(await login.token(given()))).toBe(textOf(old))
    for (let i = 0; i < 3; i++) expect(await failure(renew(old, [], context))).toMatchObject({ code: 'session_ended' })
    expect(events.filter(({ type }) => type === 'session_ended')).toHaveLength(1)
    expect(as.tokenRequests).toHaveLength(3)
  })

  it('B8 a token response that fails to be understood still gives its refresh token', async () => {
    const { as, login, stored } = await onServer({}, { extra: { token_type: 'mac' } })
    vi.spyOn(Math, 'random').mockReturnValue(0)
    as.extra = { token_type: 'mac' }
    expect(await failure(login.token(given()))).toMatchObject({ code: 'token_unavailable' })
    expect(as.refusals).toEqual([])
    as.extra = {}
    expect(textOf(await login.token(given()))).toMatch(/^access/)
    expect(as.refusals).toEqual([])
    expect(await stored()).toMatchObject({ refreshToken: as.tokenRequests.length && expect.any(String) })
  })

  it('B26 an ID token of another user is not taken, and the session not lost', async () => {
    const idToken = (sub: string) => `h.${Buffer.from(JSON.stringify({ sub, iss: 'a' })).toString('base64url')}.s`
    const { as, login, stored } = await onServer({}, { extra: { id_token: idToken('alice') } })
    const token = await login.token(given())
    expect(await login.claims()).toMatchObject({ sub: 'alice' })
    as.extra = { id_token: idToken('mallory') }
    const renew = (login.renew as NonNullable<typeof login.renew>).bind(login)
    expect(await failure(renew(token, [], given()))).toMatchObject({ code: 'issuer_invalid' })
    expect(await login.claims()).toMatchObject({ sub: 'alice' })
    expect(await stored()).toMatchObject({ refreshToken: 'refresh-3' })
    as.extra = { id_token: idToken('alice') }
    expect(await renew(token, [], given())).toBe(true)
  })
})

describe('a store in trouble', () => {
  /** The store, with writes that fail while `broken` says so. */
  function breaking(store: CredentialStore) {
    const state = { broken: false, writes: 0 }
    const put: CredentialStore['put'] = async (...args) => {
      state.writes++
      if (!state.broken) return store.put(...args)
      const { StoreError } = await import('../../src/errors.ts')
      throw new StoreError('unavailable', 'memory', 'The disk is full.')
    }
    return { state, store: { ...store, put } }
  }

  it('B9 a token that cannot be saved is used, told of, and saved before the next renewal', async () => {
    const { as, open, store: real, stored } = await onServer()
    const { state, store } = breaking(real)
    const { login } = open(store)
    const events: ClientEvent[] = []
    const context = () => given({ report: (event) => events.push(event) })
    const renew = (login.renew as NonNullable<typeof login.renew>).bind(login)
    await login.token(context())
    const old = await login.token(context())
    as.slow = 50
    const renewal = renew(old, [], context())
    // After the intent was written, and before the answer.
    await vi.waitFor(() => expect(as.tokenRequests).toHaveLength(2))
    state.broken = true
    expect(await renewal).toBe(true)
    const fresh = await login.token(context())
    expect(textOf(fresh)).toBe('access-4')
    expect(events).toContainEqual({ type: 'unsaved', code: 'unavailable' })
    expect(await stored()).toMatchObject({ refreshToken: 'refresh-1' })
    expect(await failure(renew(fresh, [], context()))).toMatchObject({ code: 'unavailable' })
    expect(as.tokenRequests).toHaveLength(2)
    state.broken = false
    expect(await renew(fresh, [], context())).toBe(true)
    expect(as.tokenRequests[2]?.form.get('refresh_token')).toBe('refresh-3')
    expect(as.refusals).toEqual([])
  })

  it('B9 an intent that cannot be written keeps the refresh token at home', async () => {
    const { as, open, store: real } = await onServer()
    const { state, store } = breaking(real)
    const { login } = open(store)
    const old = await login.token(given())
    state.broken = true
    const renew = (login.renew as NonNullable<typeof login.renew>).bind(login)
    expect(await failure(renew(old, [], given()))).toMatchObject({ code: 'unavailable' })
    expect(as.tokenRequests).toHaveLength(1)
    expect(textOf(await login.token(given()))).toBe(textOf(old))
  })

  it('what nobody can read is neither a session nor overwritten, but can be signed out of', async () => {
    const { as, store, open, id } = await onServer()
    await store.put(id, new TextEncoder().encode('{"format":9}'), { ifVersion: null })
    const { login } = open(store)
    expect(await failure(login.token(given()))).toMatchObject({ code: 'corrupt' })
    expect(as.tokenRequests).toHaveLength(0)
    await login.signOut()
    expect(await store.get(id)).toBeUndefined()
    expect(textOf(await login.token(given()))).toBe('access-2')
  })
})

describe('without a lock that locks', () => {
  it('B5 a race at a strict server is told once, and what the winner got is served by all', async () => {
    const { as, store: real, open } = await onServer()
    const store = unlocked(real)
    const [one, two] = [open(store).login, open(store).login]
    await one.token(given())
    const old = await two.token(given())
    as.slow = 50
    const events: ClientEvent[] = []
    const context = given({ report: (event) => events.push(event) })
    const renewals = [one, two].map((login) => login.renew?.(old, [], context))
    const outcomes = await Promise.allSettled(renewals)
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0)
    expect(events.filter(({ type }) => type === 'session_ended').length).toBeLessThan(2)
    const tokens = await Promise.all([one, two].map((login) => login.token(given())))
    expect(new Set(tokens.map(textOf)).size).toBe(1)
    expect(textOf(tokens[0] as never)).not.toBe(textOf(old))
  })

  it('B5 a race at a server with a grace loses nothing', async () => {
    const { as, store: real, open } = await onServer({}, { habit: 'grace' })
    const store = unlocked(real)
    const logins = Array.from({ length: 4 }, () => open(store).login)
    let old = await (logins[0] as (typeof logins)[0]).token(given())
    for (let round = 0; round < 10; round++) {
      await Promise.all(logins.map((login) => login.renew?.(old, [], given())))
      const tokens = await Promise.all(logins.map((login) => login.token(given())))
      old = tokens[0] as typeof old
    }
    expect(as.refusals).toEqual([])
  })

  function unlocked(store: CredentialStore): CredentialStore {
    const lock: CredentialStore['lock'] = (_, task) =>
      task({ lost: new AbortController().signal, remaining: () => Number.POSITIVE_INFINITY })
    return { ...store, lock }
  }
})

describe('options', () => {
  it('are refused at creation when they cannot work', () => {
    const options: RefreshTokenOptions = { issuer: 'https://a.example', clientId: 'app', refreshToken: 'r' }
    expect(() => refreshToken({ ...options, refreshToken: '' })).toThrow('refreshToken')
    expect(() => refreshToken({ ...options, dpop: 'yes' as never })).toThrow('dpop')
    expect(() => createClient({ baseUrl: 'https://a.example', auth: refreshToken(options) })).not.toThrow()
  })
})
