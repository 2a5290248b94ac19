import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { bearer, Secret } from '../../src/index.ts'
import { api } from '../servers/api.ts'

describe('bearer', () => {
  it('takes a text, a secret or a function', async () => {
    for (const token of ['t', new Secret('t'), () => 't', async () => new Secret('t')]) {
      const { url, seen } = await api()
      await createFetch({ baseUrl: url, auth: bearer(token) })(url)
      expect(seen[0]?.headers.authorization).toBe('Bearer t')
    }
    expect(() => bearer('a\nb')).toThrow('visible ASCII')
  })

  it('asks a token source for another token once when the server refuses it, and names the refused one', async () => {
    const { url, seen } = await api((request) =>
      request.headers.authorization === 'Bearer two'
        ? {}
        : { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } },
    )
    const refused: string[] = []
    let current = 'one'
    const source = {
      token: async () => ({ value: new Secret(current), type: 'bearer' }),
      renew: async (rejected: { value: Secret<string> }) => {
        refused.push(rejected.value.use((text) => text))
        current = 'two'
        return true
      },
    }
    expect((await createFetch({ baseUrl: url, auth: bearer(source) })(url)).status).toBe(200)
    expect(refused).toEqual(['one'])
    expect(seen).toHaveLength(2)
  })

  it('B15 a second 401 is handed up and renews nothing; a 403 and a challenge for something else neither', async () => {
    let renewals = 0
    const source = {
      token: async () => ({ value: new Secret('t'), type: 'Bearer' }),
      renew: async () => Boolean(++renewals),
    }
    const challenges: [number, string | undefined, number, number][] = [
      [401, 'Bearer error="invalid_token"', 2, 1],
      [401, undefined, 2, 1],
      [401, 'Bearer realm="x"', 2, 1],
      [401, 'Bearer error="insufficient_user_authentication"', 1, 0],
      [401, 'Basic realm="x"', 1, 0],
      [403, 'Bearer error="invalid_token"', 1, 0],
    ]
    for (const [status, challenge, requests, expected] of challenges) {
      renewals = 0
      const { url, seen } = await api(() => ({ status, headers: challenge ? { 'www-authenticate': challenge } : {} }))
      expect((await createFetch({ baseUrl: url, auth: bearer(source) })(url)).status).toBe(status)
      expect([seen.length, renewals]).toEqual([requests, expected])
    }
  })

  it('B16 a stream cannot be replayed: the token is renewed, the 401 handed up', async () => {
    let renewals = 0
    const source = {
      token: async () => ({ value: new Secret('t'), type: 'Bearer' }),
      renew: async () => Boolean(++renewals),
    }
    const { url, seen } = await api(() => ({ status: 401 }))
    const response = await createFetch({ baseUrl: url, auth: bearer(source) })(url, {
      method: 'POST',
      body: new Blob(['x']).stream(),
    })
    expect([response.status, renewals, seen.length]).toEqual([401, 1, 1])
  })
})
