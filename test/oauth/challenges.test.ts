import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { clientCredentials, type OnChallenge, type StepUp } from '../../src/oauth/oauth.ts'
import { api } from '../servers/api.ts'
import { rotatingServer } from '../servers/rotating.ts'
import { onServer } from './on-server.ts'

const CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'

/** A resource that always wants more, and what the handler was told. */
async function challenged(status: number, challenge: string, answer?: Awaited<ReturnType<OnChallenge>>) {
  const told: StepUp[] = []
  const onChallenge: OnChallenge = async (stepUp) => {
    told.push(stepUp)
    return answer
  }
  const { as, login } = await onServer({ onChallenge, scope: 'read' }, { extra: { scope: 'read' } })
  const { url, origin, seen } = await api(() => ({ status, headers: { 'www-authenticate': challenge } }))
  const response = await createFetch({ baseUrl: url, auth: login })(url)
  return { told, origin, requests: seen.length, status: response.status, renewals: as.tokenRequests.length }
}

describe('B18 a resource that wants more', () => {
  it('says so in the words of three standards', async () => {
    const origin = { origin: expect.stringContaining('http://127.0.0.1') }
    for (const [status, challenge, expected] of [
      [
        403,
        'Bearer error="insufficient_scope", scope="write read", resource_metadata="https://a.example/.well-known/x"',
        { error: 'insufficient_scope', scope: 'read write', resourceMetadata: 'https://a.example/.well-known/x' },
      ],
      [
        401,
        'Bearer error="insufficient_user_authentication", acr_values="gold silver", max_age="5"',
        { error: 'insufficient_user_authentication', scope: 'read', acrValues: 'gold silver', maxAge: 5 },
      ],
      [
        401,
        `Basic realm="x", Bearer realm="", error="insufficient_claims", claims="${btoa(CLAIMS)}"`,
        { error: 'insufficient_claims', scope: 'read', claims: CLAIMS },
      ],
      [
        401,
        `DPoP error="insufficient_claims", claims="${btoa(CLAIMS).replaceAll('=', '')}"`,
        { error: 'insufficient_claims', scope: 'read', claims: CLAIMS },
      ],
    ] as const) {
      // biome-ignore format: one a line
      const { told, requests, renewals } = await challenged(status, challenge)
      expect(told).toEqual([{ ...expected, ...origin }])
      expect([requests, renewals]).toEqual([1, 1])
    }
  })

  it('is asked once more when the handler has a better token, and only once in a request', async () => {
    const { told, requests, status } = await challenged(403, 'Bearer error="insufficient_scope", scope="a"', true)
    expect(told).toHaveLength(1)
    expect(requests).toBe(2)
    expect(status).toBe(403)
  })

  it('B15 a 403 that says nothing of tokens, and a 401 of another scheme, ask nobody and renew nothing', async () => {
    for (const [status, challenge] of [
      [403, 'Bearer'],
      [401, 'Basic realm="a"'],
      [403, 'Bearer error="invalid_token"'],
    ] as const) {
      // biome-ignore format: one line
      const { told, requests, renewals } = await challenged(status, challenge, true)
      expect([told.length, requests, renewals]).toEqual([0, 1, 1])
    }
  })

  it('gives a service a token with the scopes of both', async () => {
    const as = await rotatingServer()
    as.habit = 'still'
    const auth = clientCredentials({
      issuer: as.issuer,
      clientId: 'service',
      clientSecret: 'secret',
      scope: 'read',
      fetch: async (input, init) => {
        const form = new URLSearchParams(String(init?.body ?? ''))
        if (!form.has('grant_type')) return fetch(input, init)
        return Response.json({ access_token: form.get('scope')?.replace(' ', '-'), token_type: 'Bearer', scope: form.get('scope') }) // biome-ignore format: one line
      },
      onChallenge: ({ scope = '' }) => ({ scope }),
    })
    const { url, seen } = await api(
      ({ headers }) =>
      headers.authorization === 'Bearer read-write' ? {} : { status: 403, headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="write"' } }, // biome-ignore format: one line
    )
    expect((await createFetch({ baseUrl: url, auth })(url)).status).toBe(200)
    expect(seen).toHaveLength(2)
    as.close()
  })

  it('B16 content that is gone: the token is renewed, and the answer handed up', async () => {
    const { as, login } = await onServer()
    const { url, seen } = await api(() => ({ status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })) // biome-ignore format: one line
    const body = new Blob(['once']).stream()
    const response = await createFetch({ baseUrl: url, auth: login })(url, { method: 'POST', body, duplex: 'half' } as RequestInit) // biome-ignore format: one line
    expect(response.status).toBe(401)
    expect(seen).toHaveLength(1)
    expect(as.tokenRequests).toHaveLength(2)
  })
})
