import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { hmac } from '../../src/hmac/hmac.ts'
import { type AuthStrategy, apiKey, basic, cookieSession, createClient } from '../../src/index.ts'
import { serve } from '../servers/raw.ts'

const signer = (name: string): AuthStrategy =>
  hmac({
    secret: 'secret-of-the-signer',
    hash: 'sha256',
    encoding: 'hex',
    message: ({ headers, target }) => `${headers.get('x-api-key')} ${target}`,
    place: ({ signature }) => ({ headers: { [name]: signature } }),
  })
const baseUrl = 'https://api.example.com'

describe('several strategies', () => {
  it('all write on the same request, the one that signs last', async () => {
    let seen: Record<string, unknown> = {}
    const origin = await serve(({ headers, target }) => {
      seen = { ...headers, target }
      return {}
    })
    const auth = [
      signer('X-Signature'),
      apiKey({ name: 'X-API-Key', value: 'app' }),
      basic({ username: 'ada', password: 'pw' }),
      apiKey({ in: 'query', name: 'k', value: 'q' }),
      apiKey({ in: 'cookie', name: 'a', value: '1' }),
      apiKey({ in: 'cookie', name: 'b', value: '2' }),
    ]
    await createFetch({ baseUrl: origin, auth })('/things?x=1', { method: 'POST', body: 'content' })
    expect(seen).toMatchObject({
      'x-api-key': 'app',
      authorization: 'Basic YWRhOnB3',
      cookie: 'a=1; b=2',
      target: '/things?x=1&k=q',
      'content-length': '7',
    })
    const { createHmac } = await import('node:crypto')
    const expected = createHmac('sha256', 'secret-of-the-signer').update('app /things?x=1&k=q').digest('hex')
    expect(seen['x-signature']).toBe(expected)
  })

  const conflicts: [string, readonly AuthStrategy[]][] = [
    ['two signers', [signer('A'), signer('B')]],
    ['the same header', [apiKey({ name: 'X-Key', value: 'a' }), apiKey({ name: 'x-key', value: 'b' })]],
    ['Authorization twice', [basic({ username: 'a', password: 'b' }), apiKey({ name: 'authorization', value: 'b' })]],
    ['the same parameter', [apiKey({ in: 'query', name: 'k', value: 'a' }), apiKey({ in: 'query', name: 'k', value: 'b' })]],
    ['the same cookie', [apiKey({ in: 'cookie', name: 'k', value: 'a' }), apiKey({ in: 'cookie', name: 'k', value: 'b' })]],
    ['a header and the CSRF header', [apiKey({ name: 'X-CSRF-Token', value: 'a' }), cookieSession({ csrf: { from: 'a' } })]],
  ] // biome-ignore format: a list
  for (const [what, auth] of conflicts)
    it(`that conflict are refused at creation, on extend and on a call: ${what}`, async () => {
      const refused = expect.objectContaining({ name: 'CredentialError', code: 'credential_conflict' })
      expect(() => createClient({ baseUrl, auth })).toThrowError(refused)
      expect(() => createFetch({ baseUrl, auth })).toThrowError(refused)
      expect(() => createClient({ baseUrl }).extend({ auth })).toThrowError(refused)
      await expect(createFetch({ baseUrl })('/', { auth })).rejects.toEqual(refused)
    })

  const wrong: [string, unknown][] = [
    ['a token', 'Bearer abcdefgh'], ['a function', () => 'abcdefgh'], ['true', true], ['null', null],
    ['an object that is no strategy', { username: 'abcdefgh' }], ['one among several', [signer('A'), 'abcdefgh']],
    ['a strategy without places', { authenticate() {} }],
  ] // biome-ignore format: a list
  for (const [what, auth] of wrong)
    it(`what is no strategy is refused at creation, without quoting it: ${what}`, () => {
      const create = () => createClient({ baseUrl, auth: auth as AuthStrategy })
      expect(create).toThrowError(expect.objectContaining({ code: 'invalid_option' }))
      expect(create).not.toThrow(/abcdefgh/)
    })

  it('credentials without a place to go are refused at creation', () => {
    const auth = apiKey({ name: 'X-Key', value: 'a' })
    for (const create of [
      () => createClient({ auth }),
      () => createFetch({ auth }),
      () => createFetch({ auth, origins: [] }),
    ])
      expect(create).toThrowError(expect.objectContaining({ code: 'invalid_option' }))
  })
})
