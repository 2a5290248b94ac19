import { request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, expect, it, vi } from 'vitest'
import { memoryStore } from '../../src/index.ts'
import { type LoopbackOptions, loopback } from '../../src/oauth/node.ts'
import { answers } from '../servers/authorization.ts'
import { type OpenIdProvider, openIdProvider } from '../servers/openid.ts'
import { failure, given, textOf } from './token.ts'

afterEach(() => void vi.restoreAllMocks())

const cli = (as: OpenIdProvider, options: Partial<LoopbackOptions> = {}) =>
  loopback({
    issuer: as.issuer,
    clientId: 'app',
    scope: 'openid orders:read',
    path: '/cb',
    open: (url) => void as.visit(url).then((back) => fetch(back)),
    ...options,
  })
/** A sign-in under way: where its answer goes, and its outcome. */
async function waiting(as: OpenIdProvider, options: Partial<LoopbackOptions> = {}, signal?: AbortSignal) {
  let opened: (url: string) => void
  const url = new Promise<string>((resolve) => (opened = resolve))
  const auth = cli(as, { open: (given_) => opened(given_), ...options })
  const done = auth.signIn(signal ? { signal } : {})
  done.catch(() => {})
  const start = await url
  return { auth, done, start, redirectUri: new URL(new URL(start).searchParams.get('redirect_uri') as string) }
}
const status = async (url: string | URL, init?: RequestInit) => (await fetch(url, init)).status

it('B22 opens the browser, signs in, tells the user so, and is renewed and ended like any session', async () => {
  const as = await openIdProvider()
  let page = ''
  const store = memoryStore()
  const auth = cli(as, {
    store,
    open: (url) => void as.visit(url).then(async (back) => (page = await (await fetch(back)).text())),
  })
  await auth.signIn({ loginHint: 'ada' })
  await vi.waitFor(() => expect(page).toContain('You are signed in'))
  expect(await auth.claims()).toMatchObject({ sub: 'ada' })
  expect(await cli(as, { store }).signedIn()).toBe(true)
  const token = await auth.token(given())
  expect(await auth.renew?.(token, [], given())).toBe(true)
  expect(await as.isActive(textOf(await auth.token(given())))).toBe(true)
  expect(await auth.signOut()).toEqual({ revoked: true })
})

it('B22 listens at a free port of its own host, and at none once it is answered', async () => {
  const as = await openIdProvider()
  const one = await waiting(as)
  const two = await waiting(as)
  expect(one.redirectUri.hostname).toBe('127.0.0.1')
  expect(one.redirectUri.port).not.toBe(two.redirectUri.port)
  const back = await as.visit(one.start)
  expect(await status(back)).toBe(200)
  await one.done
  await expect(fetch(back)).rejects.toThrow()
  expect(await status(await as.visit(two.start))).toBe(200)
  await two.done
  expect(as.posts('/token')).toHaveLength(2)
})

it('B22 whatever else comes to the port changes nothing: other paths, methods, hosts and states', async () => {
  const as = await openIdProvider()
  const { start, done, redirectUri } = await waiting(as)
  const state = new URL(start).searchParams.get('state') as string
  const { origin, port } = redirectUri
  expect(await status(`${origin}/`)).toBe(404)
  expect(await status(`${origin}/favicon.ico`)).toBe(404)
  expect(await status(`${origin}/cb/x?state=${state}`)).toBe(404)
  expect(await status(`${origin}/cb?state=${state}&code=x`, { method: 'POST' })).toBe(405)
  expect(await status(`${origin}/cb`)).toBe(400)
  expect(await status(`${origin}/cb?code=stolen&state=guessed`)).toBe(400)
  expect(await status(`${origin}/cb?error=access_denied`)).toBe(400)
  const rebound = await new Promise((resolve) =>
    request({ port, host: '127.0.0.1', path: `/cb?state=${state}&code=x`, headers: { host: `evil.example:${port}` } })
      .on('response', (response) => resolve(response.resume().statusCode))
      .end(),
  )
  expect(rebound).toBe(404)
  connect(Number(port), '127.0.0.1').end('no http\r\n\r\n')
  expect(as.posts('/token')).toEqual([])
  expect(await status(await as.visit(start))).toBe(200)
  await done
})

it('B22 of two answers with the right state, one is taken', async () => {
  const as = await openIdProvider()
  const { start, done } = await waiting(as)
  const back = await as.visit(start)
  const both = await Promise.allSettled([status(back), status(back)])
  await done
  expect(both.filter((one) => one.status === 'fulfilled' && one.value === 200)).toHaveLength(1)
  expect(as.posts('/token')).toHaveLength(1)
})

it('B22 the page says that it is done only when it is', async () => {
  const as = await openIdProvider()
  as.faults['/token'] = [answers(400, { error: 'invalid_grant' })]
  const { start, done } = await waiting(as)
  const answer = await fetch(await as.visit(start))
  expect(answer.status).toBe(400)
  expect(await answer.text()).toContain('Nobody was signed in')
  expect(await failure(done)).toMatchObject({ code: 'session_ended' })
  as.user = 'refuses'
  const other = await waiting(as)
  expect(await status(await as.visit(other.start))).toBe(400)
  expect(await failure(other.done)).toMatchObject({ code: 'interaction_required', error: 'access_denied' })
})

it('B22 the answer of the port tells nothing to other pages and caches', async () => {
  const as = await openIdProvider()
  const { start, done } = await waiting(as, { page: '<b>Welcome</b>' })
  const answer = await fetch(await as.visit(start))
  await done
  expect(await answer.text()).toContain('<b>Welcome</b>')
  const headers = Object.fromEntries(answer.headers)
  expect(headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', connection: 'close' })
  expect(headers['content-security-policy']).toContain("default-src 'none'")
})

it('B22 times out, and can be aborted, and then listens no more', async () => {
  const as = await openIdProvider()
  const late = await waiting(as, { timeout: 100 })
  expect(await failure(late.done)).toMatchObject({ code: 'interaction_required' })
  await expect(fetch(late.redirectUri)).rejects.toThrow()
  const control = new AbortController()
  const aborted = await waiting(as, {}, control.signal)
  control.abort('enough')
  await expect(aborted.done).rejects.toBe('enough')
  await expect(fetch(aborted.redirectUri)).rejects.toThrow()
  await expect(cli(as).signIn({ signal: control.signal })).rejects.toBe('enough')
})

it('B22 takes the host that the server wants, and says when nobody can listen or open there', async () => {
  const as = await openIdProvider()
  expect((await waiting(as, { host: 'localhost' })).redirectUri.hostname).toBe('localhost')
  const { redirectUri } = await waiting(as)
  const error = await failure(cli(as, { port: Number(redirectUri.port) }).signIn())
  expect(error).toMatchObject({ code: 'invalid_option' })
  const broken = cli(as, {
    open: () => {
      throw new Error('no browser here')
    },
  })
  expect((await failure(broken.signIn())).message).toBe('no browser here')
  vi.stubEnv('PATH', '/nowhere')
  const without = loopback({ issuer: as.issuer, clientId: 'app', path: '/cb' })
  const failed = await failure(without.signIn())
  vi.unstubAllEnvs()
  expect(failed).toMatchObject({ code: 'interaction_required' })
  expect(failed.message).toContain('`open`')
})

it('what cannot be meant is refused at creation', () => {
  const make = (options: object) => () => loopback({ issuer: 'https://login.example.com', clientId: 'cli', ...options })
  expect(make({ host: '0.0.0.0' })).toThrow('`host`')
  expect(make({ path: 'cb' })).toThrow('`path`')
  expect(make({ path: '/cb?x=1' })).toThrow('`path`')
  expect(make({ open: 'firefox' })).toThrow('`open`')
  expect(make({ timeout: 0 })).toThrow('`timeout`')
})
