import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { type BasicOptions, basic, createClient, isHTTPError, Secret } from '../../src/index.ts'
import { serve } from '../servers/raw.ts'

/** Reads the field as RFC 7617 says: base64, UTF-8, up to the first colon. */
function accounts(users: Record<string, string>): Promise<string> {
  return serve(({ headers }) => {
    const [scheme, token = ''] = (headers.authorization ?? '').split(' ')
    const [, user = '', password] = /^([^:]*):(.*)$/s.exec(Buffer.from(token, 'base64').toString('utf8')) ?? []
    const known = scheme === 'Basic' && Object.hasOwn(users, user) && users[user] === password
    return known ? { body: JSON.stringify(user) } : { status: 401, headers: { 'www-authenticate': 'Basic realm="a"' } }
  })
}

describe('user name and password', () => {
  const pairs: [string, string][] = [
    ['Aladdin', 'open sesame'],
    ['test', '123£'],
    ['Jürgen', 'Straße:mit:Doppelpunkt 🔑'],
    ['sk_live_1', ''],
  ]
  for (const [username, password] of pairs)
    it(`are understood by a server that checks them: ${username}`, async () => {
      const baseUrl = await accounts({ [username]: password })
      for (const auth of [
        basic({ username, password }),
        basic({ username: () => username, password: async () => new Secret(password) }),
        basic({ username: new Secret(username), password: password && new Secret(password) }),
      ])
        expect(await createClient({ baseUrl, auth }).get('me').json()).toBe(username)
    })

  it('are as the RFC writes them (RFC 7617, section 2)', async () => {
    let field: string | undefined
    const baseUrl = await serve(({ headers }) => {
      field = headers.authorization
      return {}
    })
    await createFetch({ baseUrl, auth: basic({ username: 'Aladdin', password: 'open sesame' }) })('/')
    expect(field).toBe('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==')
    await createFetch({ baseUrl, auth: basic({ username: 'test', password: '123£' }) })('/')
    expect(field).toBe('Basic dGVzdDoxMjPCow==')
  })

  it('are refused by the server when they are wrong', async () => {
    const baseUrl = await accounts({ ada: 'right' })
    const error = await createClient({ baseUrl, auth: basic({ username: 'ada', password: 'wrong' }) })
      .get('me')
      .catch((thrown) => thrown)
    expect(isHTTPError(error) && error.response.status).toBe(401)
  })
})

describe('refuses', () => {
  const bad: [string, unknown][] = [
    ['a colon in the name', { username: 'a:b', password: 'sesame-41' }],
    ['an empty name', { username: '', password: 'sesame-41' }],
    ['a newline after the password', { username: 'ada', password: 'sesame-41\n' }],
    ['a control character in the name', { username: 'ada\u0000', password: 'sesame-41' }],
    ['no password', { username: 'ada' }],
    ['a number', { username: 'ada', password: 12345678 }],
  ]
  for (const [what, options] of bad)
    it(`at creation: ${what}`, () => {
      expect(() => basic(options as BasicOptions)).toThrowError(expect.objectContaining({ code: 'credential_invalid' }))
      expect(() => basic(options as BasicOptions)).not.toThrow(/sesame-41|12345678/)
    })

  for (const [what, { username, password }] of bad as [string, Record<string, string>][])
    it(`from a function, before anything is sent: ${what}`, async () => {
      let requests = 0
      const baseUrl = await serve(() => ({ status: 200 + requests++ }))
      const auth = basic({ username: () => username!, password: async () => password! })
      await expect(createFetch({ baseUrl, auth })('/')).rejects.toMatchObject({ code: 'credential_invalid' })
      expect(requests).toBe(0)
    })
})
