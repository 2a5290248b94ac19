import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { type Auth, type AuthStrategy, apiKey, basic, createClient, HTTPError } from '../../src/index.ts'
import { type Arrived, serve } from '../hmac/server.ts'

const ADA = 'sentinel-of-ada-5521'
const BOB = 'sentinel-of-bob-9183'

class UserKey implements AuthStrategy {
  readonly places = ['header:x-user-key']
  readonly secret: string
  constructor(secret: string) {
    this.secret = secret
  }
  authenticate(request: Request): void {
    request.headers.set('x-user-key', this.secret)
  }
}

/** As ky would merge them: plain objects are mixed, arrays appended, class instances lose their prototype. */
const shapes: Record<string, (secret: string) => Auth> = {
  'a plain object': (secret) => ({
    places: ['header:x-user-key'],
    authenticate: (request) => request.headers.set('x-user-key', secret),
    secret,
  }) as AuthStrategy,
  'an instance of a class': (secret) => new UserKey(secret),
  'an array': (secret) => [new UserKey(secret), basic({ username: 'user', password: secret })],
  'an array of one': (secret) => [apiKey({ in: 'query', name: 'key', value: secret })],
} // biome-ignore format: one line each

describe('two users of one client', () => {
  for (const [a, ofAda] of Object.entries(shapes))
    for (const [b, ofBob] of Object.entries(shapes))
      it(`${a} and ${b}: neither appears on the request of the other, nor in HTTPError.options`, async () => {
        const arrived: Arrived[] = []
        const baseUrl = await serve((request) => {
          arrived.push(request)
          return { status: 403 }
        })
        const ada = createClient({ baseUrl, auth: ofAda(ADA), headers: { 'x-app': 'one' } })
        const bob = ada.extend({ auth: ofBob(BOB), headers: { 'x-app': 'two' } })
        const calls: [string | undefined, () => Promise<unknown>][] = [
          [ADA, async () => ada.get('a')],
          [BOB, async () => bob.get('a')],
          [BOB, async () => ada.get('a', { auth: ofBob(BOB) })],
          [ADA, async () => bob.get('a', { auth: ofAda(ADA) })],
          [undefined, async () => bob.get('a', { auth: false })],
          [undefined, async () => bob.extend({ auth: [] }).get('a')],
          [ADA, async () => ada.get('a')],
          [BOB, async () => bob.extend({}).post('a', { json: {} })],
        ]
        const outcomes = await Promise.all(calls.map(([, call]) => call().catch((error: unknown) => error)))
        for (const error of outcomes) {
          expect(error).toBeInstanceOf(HTTPError)
          expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/sentinel/)
          expect(inspect((error as HTTPError).options, { depth: 10, showHidden: true })).not.toMatch(/sentinel/)
        }
        const whose = (text: string) => [ADA, BOB].filter((secret) => text.includes(secret) || text.includes(btoa(`user:${secret}`))) // biome-ignore format: one line
        const expected = calls.map(([secret]) => (secret ? [secret] : [])).sort()
        expect(arrived.map((request) => whose(JSON.stringify(request))).sort()).toEqual(expected)
      })
})
