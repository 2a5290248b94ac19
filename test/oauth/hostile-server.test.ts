// A token endpoint that means harm, or is broken in ways nobody thought of: the session stays, and nothing grows without end.
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ClientEvent } from '../../src/index.ts'
import type { Fault } from '../servers/authorization.ts'
import { answers } from '../servers/authorization.ts'
import { onServer } from './on-server.ts'
import { failure, given, textOf } from './token.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})
const JSON_TYPE = { 'content-type': 'application/json' }

describe('an answer without end', () => {
  let written = 0
  const endless: Fault = (response) => {
    response.writeHead(200, JSON_TYPE)
    const chunk = Buffer.alloc(256 * 1024, 32)
    const more = () => {
      while (!response.destroyed && written < 200e6) {
        written += chunk.length
        if (!response.write(chunk)) return void response.once('drain', more)
      }
    }
    more()
  }
  const bomb: Fault = (response) =>
    void response
      .writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' })
      .end(gzipSync(`{"access_token":"${'a'.repeat(30e6)}","token_type":"bearer"}`))
  const half: Fault = (response) => {
    response.writeHead(200, { ...JSON_TYPE, 'content-length': '1000' }).write('{"access_token":')
    setTimeout(() => response.destroy(), 20)
  }

  it.each([
    ['that goes on and on', endless],
    ['that is small and unpacks to much', bomb],
    ['that breaks off after its head', half],
  ])('%s is not heard to its end, is not stored, and costs no session that has a grace', async (_, fault) => {
    written = 0
    const { as, login, stored } = await onServer({}, { habit: 'grace' })
    as.after.push(fault, fault)
    expect(textOf(await login.token(given()))).toMatch(/^access/)
    expect(as.tokenRequests).toHaveLength(3)
    expect(written).toBeLessThan(60e6)
    expect(JSON.stringify(await stored()).length).toBeLessThan(5000)
    expect(as.refusals).toEqual([])
  })
})

it.each([
  [-1, undefined],
  [null, undefined],
  ['soon', undefined],
  [{}, undefined],
  [1e300, undefined],
  ['600', 600_000],
  [0.5, 500],
  [1e8, 1e11],
])('a token that lives for %j is used', async (expires_in, lifetime) => {
  const { login, stored } = await onServer({}, { habit: 'omits', extra: { expires_in } })
  const { expiresAt } = await login.token(given())
  if (lifetime === undefined) expect(expiresAt).toBeUndefined()
  else expect(Math.abs((expiresAt ?? 0) - Date.now() - lifetime)).toBeLessThan(5000)
  expect(JSON.stringify(await stored())).not.toContain('"expiresAt":null')
})

it('B10 scopes as a list are what was granted', async () => {
  const { login } = await onServer({}, { extra: { scope: ['read', 'write'] } })
  expect(await login.token(given())).toMatchObject({ scope: 'read write' })
})

it.each([
  ['null', 'bnVsbA'],
  ['a number', 'NQ'],
  ['a list', 'W10'],
  ['nothing', ''],
  ['what is encrypted', '_____'],
])('B26 an ID token that holds %s ends no session', async (_, payload) => {
  const { as, login } = await onServer({}, { extra: { id_token: `h.${payload}.s` } })
  for (let round = 0; round < 3; round++) {
    const token = await login.token(given())
    expect(await login.renew?.(token, [], given())).toBe(true)
  }
  expect(await login.claims()).not.toBe(null)
  expect(as.refusals).toEqual([])
})

it('B19 a server that always wants another nonce is asked a few times, and the session stays', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const { as, login, stored } = await onServer({ dpop: true }, { extra: { token_type: 'DPoP' } })
  const again = (nonce: number) => answers(400, { error: 'use_dpop_nonce' }, { 'dpop-nonce': `n${nonce}` })
  as.faults.push(...Array.from({ length: 50 }, (_, nonce) => again(nonce)))
  expect(await failure(login.token(given()))).toMatchObject({ code: 'token_unavailable' })
  expect(as.tokenRequests.length).toBeLessThanOrEqual(8)
  as.faults.length = 0
  expect(await stored()).toMatchObject({ refreshToken: 'refresh-0' })
  expect(textOf(await login.token(given()))).toMatch(/^access/)
})

it('B13 who asks for a month of rest gets an hour, and a clock that is set back makes it no longer', async () => {
  const { as, store, open, login } = await onServer()
  as.faults.push(answers(503, {}, { 'retry-after': '2592000' }))
  const { retryAt = 0 } = await failure(login.token(given()))
  expect(retryAt - Date.now()).toBeLessThanOrEqual(3_600_000)
  expect(retryAt - Date.now()).toBeGreaterThan(3_500_000)
  expect(await failure(open(store).login.token(given()))).toMatchObject({ code: 'token_unavailable', retryAt })
  expect(as.tokenRequests).toHaveLength(1)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 7_200_000 })
  expect(textOf(await open(store).login.token(given()))).toBe('access-2')
})

it('a transport that heeds no signal holds the lock no longer than any other', async () => {
  const within = AbortSignal.timeout
  vi.spyOn(AbortSignal, 'timeout').mockImplementation((duration) => within.call(AbortSignal, duration / 50))
  let stuck = true
  const { as, login } = await onServer({
    fetch: async (input, init) => (stuck && init?.method === 'POST' ? new Promise(() => {}) : fetch(input, { ...init, signal: null })),
  }) // biome-ignore format: one line
  expect(await failure(login.token(given()))).toMatchObject({ code: 'token_unavailable' })
  stuck = false
  expect(textOf(await login.token(given()))).toBe('access-2')
  expect(as.refusals).toEqual([])
})

it('a token that was there already is no renewal', async () => {
  const { as, store, open, client, events } = await onServer()
  await client.get('api')
  const renewals = (list: readonly ClientEvent[]) => list.filter(({ type }) => type === 'renew')
  expect(renewals(events)).toMatchObject([{ outcome: 'renewed' }])
  const other = open(store)
  await other.client.get('api')
  expect(renewals(other.events)).toEqual([])
  expect(as.tokenRequests).toHaveLength(1)
})
