// One login object, and users who come and go: no request leaves as somebody who is no longer there, or never was.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createClient, memoryStore } from '../../src/index.ts'
import { authorizationCode, type CodeLogin } from '../../src/oauth/oauth.ts'
import { failure, given, textOf } from '../oauth/token.ts'
import { nothingUnhandled } from '../oauth/unhandled.ts'
import { api } from '../servers/api.ts'
import { mapAdapter } from '../servers/map-adapter.ts'
import { CALLBACK, openIdProvider } from '../servers/openid.ts'

nothingUnhandled()
afterEach(() => void vi.restoreAllMocks())

const pause = (duration: number) => new Promise((resolve) => setTimeout(resolve, duration))

/** A login, an API that refuses the tokens that it is told to, and whose token each of its requests had. */
async function place() {
  const as = await openIdProvider({ configuration: { adapter: mapAdapter() } })
  const owner = new Map<string, string>()
  const refused = new Set<string>()
  /** Milliseconds that an answer of the token endpoint takes, and what those wait for that are asked for now. */
  const state: { slow: number; held?: Promise<void> | undefined } = { slow: 0 }
  as.provider.on('access_token.saved', ({ jti, accountId }) => owner.set(jti, accountId as string))
  const bearer = (headers: { authorization?: string | undefined }) => headers.authorization?.split(' ')[1] ?? ''
  const resource = await api(({ headers }) =>
    refused.has(bearer(headers))
      ? { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } }
      : {},
  )
  const store = memoryStore()
  const open = () =>
    authorizationCode({
      issuer: as.issuer,
      clientId: 'app',
      redirectUri: CALLBACK,
      scope: 'openid',
      store,
      async fetch(input, init) {
        const { held } = state
        const response = await fetch(input, init)
        if (!String(input).endsWith('/token')) return response
        await held
        await pause(state.slow)
        return response
      },
    })
  const login = open()
  const browsers: Record<string, (url: string) => Promise<string>> = {}
  const signIn = async (name: string, to: CodeLogin = login) => {
    browsers[name] ??= as.browser()
    await to.complete(await browsers[name](await to.start({ loginHint: name })))
  }
  const users = () => resource.seen.map(({ headers }) => owner.get(bearer(headers)))
  return { as, owner, refused, state, resource, login, open, signIn, users }
}

it('B24 1,000 calls across a sign-out and a sign-in: none leaves as who was there before, and none while nobody is', async () => {
  const { owner, refused, state, resource, login, signIn } = await place()
  let signedIn: string | undefined = 'alice'
  const leaving: { as: string | undefined; while: string | undefined }[] = []
  const client = createClient({
    baseUrl: resource.url,
    auth: login,
    retry: 0,
    fetch(input, init) {
      const request = new Request(input, init)
      const token = request.headers.get('authorization')?.split(' ')[1] ?? ''
      leaving.push({ as: owner.get(token), while: signedIn })
      return fetch(request)
    },
  })
  await signIn('alice')
  const calls: Promise<string>[] = []
  const outcome = (error: { code?: string; response?: Response }) => error.code ?? String(error.response?.status)
  const call = () => calls.push(client.get('').then(() => 'ok', outcome))
  const callFor = async (duration: number, count: number) => {
    for (let made = 0; made < count; made++) {
      call()
      if (made % 10 === 0) await pause((duration * 10) / count)
    }
  }
  // Some wait for a renewal while the user signs out, and while another one signs in.
  state.slow = 60
  await callFor(100, 200)
  refused.add(textOf(await login.token(given())))
  const out = callFor(100, 300)
  await pause(30)
  await login.signOut()
  signedIn = undefined
  const into = callFor(150, 300)
  await signIn('bob')
  signedIn = 'bob'
  await Promise.all([out, into, callFor(50, 100)])
  // And somebody else, in whose place nobody signed out.
  const more = callFor(150, 100)
  await signIn('carol')
  signedIn = 'carol'
  call()
  await more
  const outcomes = await Promise.all(calls)
  expect(outcomes.length).toBeGreaterThanOrEqual(1000)
  // A refusal that comes when somebody else is there is the answer.
  expect(outcomes.filter((one) => !['ok', 'interaction_required', '401'].includes(one))).toEqual([])
  expect(outcomes).toContain('interaction_required')
  expect(outcomes.filter((one) => one === 'ok').length).toBeGreaterThan(300)
  expect(leaving.filter((one) => one.while === 'carol' && one.as !== 'carol')).toEqual([])
  expect(leaving.filter((one) => one.while === 'bob' && one.as !== 'bob' && one.as !== 'carol')).toEqual([])
  // What left as bob did so once he was there, though not all of his sign-in was done.
  expect(leaving.filter((one) => one.while === undefined && one.as !== 'bob')).toEqual([])
  expect(leaving.filter((one) => one.while === 'alice' && one.as !== 'alice')).toEqual([])
}, 60_000)

it('B24 two accounts under load, whose tokens are refused all the time, never have a token of the other', async () => {
  const { owner, refused, state, resource, login, signIn } = await place()
  const names = ['alice', 'bob']
  const accounts = names.map((name) => login.account(name))
  await Promise.all(names.map((name, i) => signIn(name, accounts[i])))
  state.slow = 5
  const clients = accounts.map((auth) => createClient({ baseUrl: resource.url, auth, retry: 0 }))
  const work = names.flatMap((name, i) =>
    Array.from({ length: 300 }, async (_, index) => {
      await pause(index * 2)
      if (index % 50 === 0) refused.add(textOf(await (accounts[i] as CodeLogin).token(given())))
      return clients[i]?.get(name).then(
        ({ status }) => status,
        ({ response }) => response?.status,
      )
    }),
  )
  // A token may be refused again before the second attempt has it.
  const statuses = await Promise.all(work)
  expect(statuses.filter((status) => status !== 200 && status !== 401)).toEqual([])
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(300)
  const whose = resource.seen.map(({ url, headers }) => [url.slice(1), owner.get(headers.authorization?.split(' ')[1] ?? '')]) // biome-ignore format: one line
  expect(whose.length).toBeGreaterThanOrEqual(600)
  expect(whose.filter(([path, user]) => path !== user)).toEqual([])
  expect(owner.size).toBeGreaterThanOrEqual(6)
})

describe('B23 a renewal that is under way when somebody signs in', () => {
  it.each([
    ['bob', 'here'],
    ['alice', 'here'],
    ['bob', 'elsewhere'],
  ])('never takes the place of the session of %s, who signs in %s, nor ends it', async (next, where) => {
    const { as, owner, refused, state, resource, login, open, signIn, users } = await place()
    const renewing = where === 'here' ? login : open()
    const client = createClient({ baseUrl: resource.url, auth: renewing, retry: 0 })
    await signIn('alice')
    const old = await renewing.token(given())
    refused.add(textOf(old))
    let release = () => {}
    state.held = new Promise((resolve) => {
      release = resolve
    })
    const request = failure(client.get('').text())
    await vi.waitFor(() => expect(as.posts('/token')).toHaveLength(2))
    state.held = undefined
    await signIn(next)
    release()
    // What alice asked for is not sent as somebody else, nor in another session of hers.
    expect(await request).toMatchObject({ response: { status: 401 } })
    expect(users()).toEqual(['alice'])
    expect(await login.claims()).toMatchObject({ sub: next })
    const token = await login.token(given())
    expect(owner.get(textOf(token))).toBe(next)
    // Some servers end all sessions of a user with one token: what came too late is dropped, and not revoked.
    await pause(100)
    expect(as.posts('/token/revocation')).toEqual([])
    expect(await as.isActive(textOf(token))).toBe(true)
    expect(await login.renew?.(token, [], given())).toBe(true)
    expect(owner.get(textOf(await login.token(given())))).toBe(next)
  })
})
