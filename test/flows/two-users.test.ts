import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { apiKey, createClient } from '../../src/index.ts'
import { api } from '../servers/api.ts'

const key = (value: string) => apiKey({ name: 'X-Key', value })

it('two users: neither appears on the requests of the other, nor in HTTPError.options', async () => {
  class Mine {
    places = ['header:x-user'] as const
    readonly #value: string
    constructor(value: string) {
      this.#value = value
    }
    authenticate(request: Request) {
      request.headers.set('x-user', this.#value)
    }
  }
  const plain = (value: string) => ({
    places: ['header:x-user'],
    authenticate: (request: Request) => request.headers.set('x-user', value),
  })
  const { url, seen } = await api(() => ({ status: 404 }))
  for (const make of [
    plain,
    (value: string) => new Mine(value),
    (value: string) => [new Mine(value), key(`${value}-key`)],
  ] as const) {
    seen.length = 0
    const alice = createClient({ baseUrl: url, auth: make('alice-sentinel') })
    const bob = alice.extend({ auth: make('bob-sentinel') })
    const errors = await Promise.all([
      alice.get('1').catch((error) => error),
      bob.get('2').catch((error) => error),
      alice.get('3', { auth: make('carol-sentinel') }).catch((error) => error),
      bob.get('4', { auth: false }).catch((error) => error),
    ])
    for (const error of errors) expect(inspect(error.options, { depth: 20, showHidden: true })).not.toMatch(/sentinel/)
    const users = Object.fromEntries(seen.map(({ url: path, headers }) => [path, JSON.stringify(headers)]))
    expect(users['/1']).toContain('alice')
    expect(users['/1']).not.toMatch(/bob|carol/)
    expect(users['/2']).toContain('bob')
    expect(users['/2']).not.toMatch(/alice|carol/)
    expect(users['/3']).toContain('carol')
    expect(users['/3']).not.toMatch(/alice|bob/)
    expect(users['/4']).not.toMatch(/alice|bob|carol/)
  }
})
