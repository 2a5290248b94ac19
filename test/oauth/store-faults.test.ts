// A store that fails once, at any one of its operations, is slow, or lies: nobody loses a session that a second try can save.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import { memoryStore } from '../../src/index.ts'
import { authorizationCode, deviceCode } from '../../src/oauth/oauth.ts'
import type { CredentialStore, PutResult, Version } from '../../src/types.ts'
import { mapAdapter } from '../servers/map-adapter.ts'
import { CALLBACK, type OpenIdProvider, openIdProvider } from '../servers/openid.ts'
import { quick } from './kinds.ts'
import { onServer } from './on-server.ts'
import { given, textOf } from './token.ts'
import { nothingUnhandled } from './unhandled.ts'

nothingUnhandled()
afterEach(() => void vi.restoreAllMocks())

type When = 'before' | 'after'

/** Fails at its operation of that number, with nothing done or when all is done. */
function failing(at: number, when: When, keyPairs: boolean) {
  const { keyPair, ...memory } = memoryStore()
  const operations: string[] = []
  async function once<T>(name: string, work: () => Promise<T>): Promise<T> {
    operations.push(name)
    if (operations.length !== at) return work()
    if (when === 'after') await work()
    throw new StoreError('unavailable', 'memory', 'Once.')
  }
  const store: CredentialStore = {
    ...memory,
    get: (id) => once('get', () => memory.get(id)),
    put: (...args) => once('put', () => memory.put(...args)),
    delete: (...args) => once('delete', () => memory.delete(...args)),
    lock: (id, task, options) => once('lock', () => memory.lock(id, task, options)),
    ...(keyPairs && keyPair && { keyPair: (...args) => once('keyPair', () => keyPair(...args)) }),
  }
  return { store, operations }
}

/** Signs in, renews, and signs out; what fails is tried once more. */
async function life(as: OpenIdProvider, store: CredentialStore) {
  const came: string[] = []
  const errors: unknown[] = []
  const login = authorizationCode({
    issuer: as.issuer,
    clientId: 'app',
    redirectUri: CALLBACK,
    scope: 'openid',
    store,
    dpop: true,
    async fetch(input, init) {
      const response = await fetch(input, init)
      if (!String(input).endsWith('/token')) return response
      const { access_token, refresh_token } = await response.clone().json()
      came.push(access_token, refresh_token)
      return response
    },
  })
  const twice = <T>(step: () => Promise<T>): Promise<T> =>
    step().catch((error) => {
      errors.push(error)
      return step()
    })
  const url = await as.visit(await twice(() => login.start()))
  await twice(() => login.complete(url))
  const first = await twice(() => login.token(given()))
  expect(await twice(async () => login.renew?.(first, [], given()))).toBe(true)
  const second = await twice(() => login.token(given()))
  expect(textOf(second)).not.toBe(textOf(first))
  expect(await twice(async () => login.renew?.(second, [], given()))).toBe(true)
  const third = await twice(() => login.token(given()))
  expect(await as.isActive(textOf(third))).toBe(true)
  expect(await twice(() => login.signedIn())).toBe(true)
  await twice(() => login.signOut())
  expect(await twice(() => login.signedIn())).toBe(false)
  expect(await Promise.all(came.map(as.isActive))).not.toContain(true)
  return { errors, came }
}

describe.each([
  [true, 'before'],
  [true, 'after'],
  [false, 'before'],
  [false, 'after'],
] as const)('B9 a store (that holds keys: %s) that fails once, with %s it has done its part,', (keyPairs, when) => {
  it('wherever that is, costs no session, and what was signed out of is revoked', async () => {
    const as = await openIdProvider({ configuration: { adapter: mapAdapter() } })
    const refusals: string[] = []
    as.provider.on('grant.error', (_, { message }) => refusals.push(message))
    const { store, operations } = failing(0, when, keyPairs)
    expect((await life(as, store)).errors).toEqual([])
    expect(new Set(operations)).toEqual(new Set(['get', 'put', 'delete', 'lock', ...(keyPairs ? ['keyPair'] : [])]))
    for (let at = 1; at <= operations.length; at++) {
      const { store } = failing(at, when, keyPairs)
      const where = `${at}: ${operations.slice(0, at).join(' ')}`
      const { errors } = await life(as, store).catch((error) => expect.unreachable(`${error}, at ${where}`))
      expect(
        errors.filter((error) => !(error instanceof StoreError)),
        where,
      ).toEqual([])
    }
    // Nothing that was used was sent again.
    expect(refusals).toEqual([])
  }, 60_000)
})

it.each(['before', 'after'] as const)(
  'B9 a store that fails once, with %s it has done its part, costs nobody a sign-in on another device',
  async (when) => {
    const as = await openIdProvider()
    const signIn = async (store: CredentialStore) => {
      const prompt = ({ userCode }: { userCode: string }) => void as.approve(userCode).catch(() => {})
      const login = deviceCode({ issuer: as.issuer, clientId: 'tv', scope: 'openid', store, dpop: true, fetch: quick as never, prompt }) // biome-ignore format: one line
      await login.signIn()
      return login
    }
    const { store, operations } = failing(0, when, false)
    await signIn(store)
    for (let at = 1; at <= operations.length; at++) {
      const { store } = failing(at, when, false)
      const prompts = as.posts('/device/auth').length
      // It may fail before the user is asked, and so be tried again, but not when they have agreed.
      const login = await signIn(store).catch((error) => {
        expect(error).toBeInstanceOf(StoreError)
        return signIn(store)
      })
      expect(as.posts('/device/auth').length - prompts).toBe(1)
      expect(await login.signedIn()).toBe(true)
      expect(await as.isActive(textOf(await login.token(given())))).toBe(true)
    }
  },
)

it('B9 a lock that fails when all is done takes no token back', async () => {
  const memory = memoryStore()
  const lock: CredentialStore['lock'] = async (...args) => {
    await memory.lock(...args)
    throw new StoreError('unavailable', 'memory', 'Too late.')
  }
  const { as, login } = await onServer({ store: { ...memory, lock } })
  expect(textOf(await login.token(given()))).toBe('access-2')
  expect(as.tokenRequests).toHaveLength(1)
})

it('B1 a slow store makes a renewal slow, and no second one', async () => {
  const memory = memoryStore()
  const slowly = async <T>(work: () => Promise<T>): Promise<T> => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    return work()
  }
  const store: CredentialStore = {
    ...memory,
    get: (id) => slowly(() => memory.get(id)),
    put: (...args) => slowly(() => memory.put(...args)),
    delete: (...args) => slowly(() => memory.delete(...args)),
    lock: (id, task, options) => slowly(() => memory.lock(id, task, options)),
  }
  const { as, open } = await onServer({ store })
  const sharing = [open(store), open(store)]
  const old = await Promise.all(sharing.flatMap(({ login }) => Array.from({ length: 50 }, () => login.token(given()))))
  expect(new Set(old.map(textOf))).toEqual(new Set(['access-2']))
  const renewed = sharing.flatMap(({ login }) => old.slice(50).map((token) => login.renew?.(token, [], given())))
  expect(new Set(await Promise.all(renewed))).toEqual(new Set([true]))
  expect(as.tokenRequests).toHaveLength(2)
  expect(as.refusals).toEqual([])
})

describe('a store that lies about versions', () => {
  type Lie = (put: CredentialStore['put'], ...args: Parameters<CredentialStore['put']>) => Promise<PutResult>
  const none = 'none' as Version
  const lies: [string, Lie, 'works' | 'is refused'][] = [
    ['gives another than it keeps', async (put, ...args) => ({ ...(await put(...args)), version: none }) as PutResult, 'works'],
    ['says that somebody else wrote, though nobody did', async (put, ...args) => {
      const result = await put(...args)
      return result.ok ? { ok: false, current: { value: new Uint8Array(args[1]), version: result.version } } : result
    }, 'is refused'],
    ['says that somebody else wrote, and does not say what', async (put, ...args) => {
      await put(...args)
      return { ok: false, current: undefined }
    }, 'is refused'],
  ] // biome-ignore format: one a line

  it.each(lies)('because it %s: no refresh token is sent twice, and the call ends', async (_, lie, outcome) => {
    const memory = memoryStore()
    let lying = false
    const put: CredentialStore['put'] = (...args) => (lying ? lie(memory.put, ...args) : memory.put(...args))
    const { as, login, open } = await onServer({ store: { ...memory, put } })
    const token = await login.token(given())
    lying = true
    const renewal = login.renew?.(token, [], given()) as Promise<boolean>
    if (outcome === 'works') expect(await renewal).toBe(true)
    else expect(await renewal.catch((error) => error)).toBeInstanceOf(StoreError)
    lying = false
    // Who comes to the same records when they are told right goes on from there.
    expect(await open(memory).login.renew?.(await open(memory).login.token(given()), [], given())).toBe(true)
    const spent = as.tokenRequests.map(({ form }) => form.get('refresh_token'))
    expect(new Set(spent).size).toBe(spent.length)
    expect(as.refusals).toEqual([])
  })
})
