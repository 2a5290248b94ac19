import { afterEach, describe, expect, it, vi } from 'vitest'
import { createClient, memoryStore } from '../../src/index.ts'
import type { CredentialStore } from '../../src/types.ts'
import { api } from '../servers/api.ts'
import { onServer } from './on-server.ts'
import { given, textOf } from './token.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const extra = { token_type: 'DPoP' }

function parts(proof: unknown): { head: { jwk: JsonWebKey }; claims: Record<string, unknown> } {
  const [head, claims] = String(proof)
    .split('.')
    .map((part) => Buffer.from(part, 'base64url').toString())
  return { head: JSON.parse(head as string), claims: JSON.parse(claims as string) }
}

/** A store that holds no keys, as those on disk and in a fleet. */
function withoutKeys(): CredentialStore {
  const { keyPair: _, ...store } = memoryStore()
  return store
}

describe('B19 a session bound to a key', () => {
  for (const [kind, make] of [['holds keys', memoryStore], ['holds bytes', withoutKeys]] as const) // biome-ignore format: one line
    it(`proves one key for as long as it lives, in a store that ${kind}, and another in the next session`, async () => {
      let first = 'refresh-0'
      const { as, open, store } = await onServer({ dpop: true, store: make(), refreshToken: () => first }, { extra })
      const one = open(store).login
      const token = await one.token(given())
      const two = open(store).login
      await two.renew?.(token, [], given())
      expect(textOf(await two.token(given()))).toBe('access-4')
      const [a, b] = as.tokenRequests.map(({ headers }) => parts(headers.dpop))
      expect(a?.head.jwk).toEqual(b?.head.jwk)
      expect(a?.head.jwk).not.toHaveProperty('d')
      expect(a?.claims.jti).not.toBe(b?.claims.jti)
      expect(a?.claims).toMatchObject({ htm: 'POST', htu: `${as.issuer}/token` })
      as.habit = 'still'
      first = 'another'
      await one.renew?.(await one.token(given()), [], given()).catch(() => {})
      expect(as.tokenRequests.at(-1)?.form.get('refresh_token')).toBe('another')
      expect(parts(as.tokenRequests.at(-1)?.headers.dpop).head.jwk).not.toEqual(a?.head.jwk)
    })

  it('takes its key along when somebody signs out', async () => {
    const store = withoutKeys()
    const ids = new Set<string>()
    const put: CredentialStore['put'] = (id, ...rest) => {
      ids.add(id)
      return store.put(id, ...rest)
    }
    const { login } = await onServer({ dpop: true, store: { ...store, put } }, { extra })
    await login.token(given())
    expect(ids.size).toBe(2)
    await login.signOut()
    for (const id of ids) expect(await store.get(id)).toBeUndefined()
  })

  it('P11 shows the last nonce at once, also in a new process: a server may use the refresh token up before it asks', async () => {
    const { as, open, store } = await onServer({ dpop: true }, { extra, nonceAfterUse: true, habit: 'grace' })
    const token = await open(store).login.token(given())
    expect(as.tokenRequests).toHaveLength(2)
    as.habit = 'strict'
    await open(store).login.renew?.(token, [], given())
    expect(as.tokenRequests).toHaveLength(3)
    expect(parts(as.tokenRequests[2]?.headers.dpop).claims.nonce).toMatch(/^n/)
    expect(as.refusals).toEqual([])
  })

  it('makes a fresh proof for each attempt, with the nonce of the resource, and without query', async () => {
    const { login } = await onServer({ dpop: true }, { extra })
    let count = 0
    const { url, seen } = await api(() => {
      count++
      if (count === 1) return { status: 503, headers: { 'retry-after': '0' } }
      if (count === 2) return { status: 401, headers: { 'dpop-nonce': 'r1', 'www-authenticate': 'DPoP error="use_dpop_nonce"' } } // biome-ignore format: one line
      return { headers: { 'dpop-nonce': 'r2' } }
    })
    const client = createClient({ baseUrl: url, auth: login })
    await client.get('orders?page=1#top')
    await client.get('orders')
    const proofs = seen.map(({ headers }) => parts(headers.dpop).claims)
    expect(proofs.map(({ nonce }) => nonce)).toEqual([undefined, undefined, 'r1', 'r2'])
    expect(new Set(proofs.map(({ jti }) => jti)).size).toBe(4)
    expect(new Set(proofs.map(({ htu }) => htu))).toEqual(new Set([`${url}orders`]))
    expect(proofs.every(({ ath, htm }) => typeof ath === 'string' && htm === 'GET')).toBe(true)
    expect(seen[0]?.headers.authorization).toMatch(/^DPoP access-/)
  })

  it('asks for a nonce once: a resource that always wants another has the last word', async () => {
    const { login } = await onServer({ dpop: true }, { extra })
    const { url, seen } = await api(() => ({
      status: 401,
      headers: { 'dpop-nonce': `n${seen.length}`, 'www-authenticate': 'DPoP error="use_dpop_nonce"' },
    }))
    await expect(createClient({ baseUrl: url, auth: login }).get('')).rejects.toMatchObject({ response: { status: 401 } }) // biome-ignore format: one line
    expect(seen).toHaveLength(2)
  })

  it('a token that is not bound is not taken for one', async () => {
    const { login } = await onServer({ dpop: true })
    await expect(login.token(given())).rejects.toMatchObject({ code: 'client_misconfigured' })
  })
})
