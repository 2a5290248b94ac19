import { describe, expect, it, vi } from 'vitest'
import { memoryStore } from '../../src/index.ts'
import { sealed } from '../../src/storage/sealed.ts'
import type { AccessToken, CredentialStore } from '../../src/types.ts'
import { leaks } from '../flows/sinks.ts'
import { answers, dropped } from '../servers/authorization.ts'
import { onServer } from './on-server.ts'
import { given, textOf } from './token.ts'

const SENTINEL = 'Zq7_kV3wX~canary.0123456789'

/** Everything in an answer of the server is a secret. */
const hostile = {
  error_description: SENTINEL,
  error_uri: `https://a.example/${SENTINEL}`,
  access_token: SENTINEL,
  refresh_token: SENTINEL,
  id_token: SENTINEL,
  [SENTINEL]: SENTINEL,
}

describe('B27 no token, secret or key', () => {
  it('shows in what a server in trouble makes callers and listeners see', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    for (const fault of [
      answers(400, { ...hostile, error: 'invalid_grant' }, { [`x-${SENTINEL.replace(/\W/g, '')}`]: SENTINEL }),
      answers(400, { ...hostile, error: SENTINEL }),
      answers(200, { ...hostile, token_type: SENTINEL }),
      answers(200, { ...hostile, error: 'invalid_client' }),
      answers(200, `{"access_token":"${SENTINEL}`),
      answers(503, { ...hostile, error: 'temporarily_unavailable' }),
      answers(302, '', { location: `https://a.example/${SENTINEL}` }),
      answers(401, SENTINEL, { 'www-authenticate': `Bearer error="${SENTINEL}"` }),
      dropped,
    ]) {
      const { as, login, client, events } = await onServer({ refreshToken: SENTINEL, clientSecret: SENTINEL, dpop: true }) // biome-ignore format: one line
      as.faults.push(fault, fault, fault, fault)
      const seen: unknown[] = [login, events]
      for (const call of [login.token(given({ report: (event) => seen.push(event) })), client.get('api').text(), login.signOut()]) // biome-ignore format: one line
        await call.then(
          (value) => seen.push(value),
          (error) => seen.push(error),
        )
      expect(seen.length).toBeGreaterThan(3)
      expect(leaks(seen, SENTINEL)).toEqual([])
    }
  })

  it('rests outside of a seal in a store that has one', async () => {
    const raw = memoryStore()
    const puts: Uint8Array[] = []
    const watched: CredentialStore = {
      ...raw,
      put: (id, value, options) => {
        puts.push(value)
        return raw.put(id, value, options)
      },
    }
    delete (watched as { keyPair?: unknown }).keyPair
    const store = sealed(watched, new Uint8Array(32).fill(1))
    const extra = { access_token: SENTINEL, refresh_token: SENTINEL, id_token: SENTINEL, token_type: 'DPoP' }
    const { login } = await onServer({ store, dpop: true, refreshToken: 'refresh-0' }, { extra })
    expect(textOf(await login.token(given()))).toBe(SENTINEL)
    expect(puts.length).toBeGreaterThan(3)
    for (const value of puts) {
      const text = new TextDecoder('latin1').decode(value)
      expect(leaks([text], SENTINEL)).toEqual([])
      expect(text).not.toMatch(/refresh-0|"d":|access_token/)
    }
  })
})

describe('B7 no listener runs under the lock', () => {
  it('so that what it asks of the session cannot wait for itself', async () => {
    let held = false
    const inner = memoryStore()
    const lock: CredentialStore['lock'] = (id, task, options) =>
      inner.lock(
        id,
        async (lease) => {
          held = true
          try {
            return await task(lease)
          } finally {
            held = false
          }
        },
        options,
      )
    const { as, login } = await onServer({ store: { ...inner, lock } })
    const old = await login.token(given())
    as.dead = true
    const asked: Promise<unknown>[] = []
    const locked: boolean[] = []
    const report = () => {
      locked.push(held)
      asked.push(login.renew?.(old, [], given()).catch(({ code }) => code) as Promise<unknown>, login.signedIn())
    }
    await login.renew?.(old, [], given({ report })).catch(() => {})
    expect(asked.length).toBeGreaterThan(0)
    expect(new Set(locked)).toEqual(new Set([false]))
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['session_ended', true]))
  })

  it('and the lock is free while the user of a secret takes his time', async () => {
    const store = memoryStore()
    let free: boolean | undefined
    const clientSecret = async () => {
      const id = `oauth ${JSON.stringify([as.issuer, 'app', 'refresh_token', undefined])}`
      free = await store.lock(id, async () => true, { wait: 100 }).catch(() => false)
      return 'secret'
    }
    const { as, login } = await onServer({ store, clientSecret })
    await login.token(given())
    expect(free).toBe(true)
  })
})

describe('B11 a session is renewed in the background', () => {
  it('while requests use the old token, and its failure rejects nobody', async () => {
    const unhandled: unknown[] = []
    const listener = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', listener)
    const { as, login } = await onServer({}, { lifetime: 2 })
    const old = await login.token(given())
    await new Promise((resolve) => setTimeout(resolve, 1720))
    as.faults.push(answers(503, {}), answers(503, {}), answers(503, {}), answers(503, {}))
    const tokens: AccessToken[] = await Promise.all(Array.from({ length: 20 }, () => login.token(given())))
    expect(new Set(tokens.map(textOf))).toEqual(new Set([textOf(old)]))
    await vi.waitFor(() => expect(as.tokenRequests.length).toBeGreaterThan(1))
    as.faults.length = 0
    await vi.waitFor(async () => expect(textOf(await login.token(given()))).not.toBe(textOf(old)), { timeout: 5000 })
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
    expect(as.refusals).toEqual([])
  })
})
