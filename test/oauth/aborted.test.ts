// A sign-in or a request that is given up at any moment: the caller hears of it at once, nobody else does, and nothing is left behind.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type OpenIdProvider, openIdProvider } from '../servers/openid.ts'
import { KINDS, quick, type Transport } from './kinds.ts'
import { onServer } from './on-server.ts'
import { given, textOf } from './token.ts'
import { nothingUnhandled } from './unhandled.ts'

nothingUnhandled()
afterEach(() => void vi.restoreAllMocks())

describe.each(Object.keys(KINDS))('a sign-in by %s', (kind) => {
  const login = (as: OpenIdProvider, fetch: Transport) => (KINDS[kind] as (typeof KINDS)[string])(as, fetch)

  it('B21 aborted while the tokens are on their way revokes them, and signs nobody in', async () => {
    const as = await openIdProvider()
    const control = new AbortController()
    const got: string[] = []
    const auth = login(as, async (input, init) => {
      const response = await quick(input, init)
      if (!input.endsWith('/token') || !response.ok) return response
      const { access_token, refresh_token } = await response.clone().json()
      got.push(access_token, refresh_token ?? access_token)
      control.abort('enough')
      return response
    })
    await expect(auth.signIn({ signal: control.signal })).rejects.toBe('enough')
    await vi.waitFor(async () => expect(await Promise.all(got.map(as.isActive))).toEqual([false, false]))
    expect(await auth.signedIn()).toBe(false)
  })

  it('B21 aborted before anything is shown shows nothing', async () => {
    const as = await openIdProvider()
    const control = new AbortController()
    const visit = vi.spyOn(as, 'visit')
    const approve = vi.spyOn(as, 'approve')
    const slow: Transport = async (input, init) => {
      if (init?.method === 'POST') await new Promise((resolve) => setTimeout(resolve, 150))
      return quick(input, init)
    }
    const outcome = login(as, slow).signIn({ signal: control.signal })
    control.abort('enough')
    await expect(outcome).rejects.toBe('enough')
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect(visit).not.toHaveBeenCalled()
    expect(approve).not.toHaveBeenCalled()
    expect(as.posts('/token')).toEqual([])
  })

  it('B21 aborted at any moment either signs in or not, with nothing between', async () => {
    const as = await openIdProvider()
    const whole = performance.now()
    await login(as, quick).signIn({ signal: new AbortController().signal })
    const duration = performance.now() - whole
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, async (_, round) => {
        const got: string[] = []
        const auth = login(as, async (input, init) => {
          const response = await quick(input, init)
          if (input.endsWith('/token') && response.ok) got.push((await response.clone().json()).access_token)
          return response
        })
        const control = new AbortController()
        setTimeout(() => control.abort('enough'), (duration * 3 * round) / 12)
        const outcome = await auth.signIn({ signal: control.signal }).then(
          () => 'in',
          (reason) => reason,
        )
        expect(['in', 'enough']).toContain(outcome)
        await vi.waitFor(async () => expect(await auth.signedIn()).toBe(outcome === 'in'), { timeout: 5000 })
        if (outcome === 'in') expect(await as.isActive(textOf(await auth.token(given())))).toBe(true)
        else
          await vi.waitFor(async () => expect(await Promise.all(got.map(as.isActive))).not.toContain(true), {
            timeout: 5000,
          })
        return outcome
      }),
    )
    expect(outcomes).toContain('enough')
  })
})

it('B3 requests and renewals aborted at any moment reject with their own reason, and the session goes on for the others', async () => {
  const { as, store, open, login, client, stored } = await onServer()
  as.slow = 8
  const other = open(store)
  let old = await login.token(given())
  const reasons = new Set<unknown>()
  for (let round = 0; round < 40; round++) {
    const control = new AbortController()
    const reason = new Error(`round ${round}`)
    const { signal } = control
    setTimeout(() => control.abort(reason), Math.random() * 20)
    const aborted = [login.renew?.(old, [], given({ signal })), login.token(given({ signal })), client.get('api', { signal }).text(), other.client.get('api', { signal }).text()] // biome-ignore format: one line
    const safe = [other.login.renew?.(old, [], given()), other.client.get('api').text(), login.token(given())]
    for (const outcome of await Promise.allSettled(aborted))
      if (outcome.status === 'rejected') reasons.add(outcome.reason === reason || outcome.reason)
    for (const outcome of await Promise.allSettled(safe)) expect(outcome.status).toBe('fulfilled')
    old = await login.token(given())
  }
  expect([...reasons]).toEqual([true])
  expect(as.refusals).toEqual([])
  expect(await stored()).not.toHaveProperty('intent')
  expect(textOf(await other.login.token(given()))).toMatch(/^access/)
})
