import { describe, expect, it } from 'vitest'
import { type DigestOptions, digest } from '../../src/auth/digest.ts'
import { ALGORITHMS } from '../../src/auth/digest-challenge.ts'
import { hashOf, response } from '../../src/auth/digest-response.ts'
import { createFetch } from '../../src/fetch.ts'
import { parseChallenges } from '../../src/http/challenge.ts'
import { apiKey, createClient, explain, type HTTPError } from '../../src/index.ts'
import { type DigestPolicy, digestServer } from '../servers/digest.ts'
import { serve } from '../servers/raw.ts'
import vectors from '../vectors/auth/digest.json' with { type: 'json' }

const user = { username: 'Mufasa', password: 'Circle of Life' }

async function asked(policy: DigestPolicy = {}, options: Partial<DigestOptions> = {}) {
  const server = await digestServer(policy)
  const events: string[] = []
  const fetch = createFetch({
    baseUrl: server.origin,
    auth: digest({ ...user, ...options }),
    retry: 0,
    timeout: false,
    onEvent: (event) => void (event.type === 'replay' && events.push(event.reason)),
  })
  return { ...server, fetch, events }
}

describe('11 the values of the RFC, its wrong ones corrected', () => {
  it.each(vectors.cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const hash = await hashOf(one.algorithm.replace('-sess', '') as (typeof ALGORITHMS)[number])
    const { nonce, nc, cnonce, qop } = one
    const secret = hash(`${one.username}:${one.realm}:${one.password}`)
    const a1 = one.algorithm.endsWith('-sess') ? hash(`${secret}:${nonce}:${cnonce}`) : secret
    const body = qop === 'auth-int' ? `:${hash(one.body ?? '')}` : ''
    expect(response(hash, a1, { nonce, nc, cnonce, qop }, hash(`${one.method}:${one.uri}${body}`))).toBe(one.response)
    if (one.userhash) expect(hash(`${one.username}:${one.realm}`)).toBe(one.userhash)
  })
})

describe('11 a server that recomputes by itself lets in', () => {
  const each = ALGORITHMS.flatMap((name) => [name, `${name}-sess`]).flatMap((algorithm) =>
    ['auth', 'auth-int'].map((qop) => [algorithm, qop] as const),
  )
  it.each(each)('%s with %s', async (algorithm, qop) => {
    const { fetch, seen } = await asked({ algorithms: [algorithm], qop })
    const contents = [undefined, '', 'content ü', new URLSearchParams({ a: 'b c' }), new Uint8Array(100_000).fill(7)]
    for (const body of contents) {
      const answer = await fetch('/a b/%2F?q=ü&x=^|', { method: body === undefined ? 'GET' : 'PUT', ...(body !== undefined && { body }) }) // biome-ignore format: one line
      expect([answer.status, await answer.text()]).toEqual([200, 'welcome'])
    }
    // Asked once, and then never again.
    expect(seen.map(({ status }) => status)).toEqual([401, 200, 200, 200, 200, 200])
    expect(new Set(seen.slice(1).map(({ fields }) => fields.qop))).toEqual(new Set([qop]))
  })

  it('MD5 where the server names no algorithm, and RFC 2069 where it knows no qop', async () => {
    for (const qop of ['auth', undefined]) {
      const { fetch, seen } = await asked({ algorithms: [undefined], qop })
      expect((await fetch('/')).status).toBe(200)
      expect((await fetch('/')).status).toBe(200)
      expect(seen.map(({ status }) => status)).toEqual([401, 200, 200])
      expect(seen[1]?.fields).not.toHaveProperty('algorithm')
      expect('nc' in (seen[1]?.fields ?? {})).toBe(qop === 'auth')
    }
  })

  it.each([
    ['Mufasa "the \\ king"', ''],
    ['Jäsøn Doe', 'charset=UTF-8'],
    ['Jäsøn Doe', ''],
    ["日本 'o(*)'", 'charset="UTF-8"'],
    ['Jäsøn Doe', 'charset=UTF-8, userhash=true'],
    ['plain', 'userhash=true'],
  ])('the name %s under "%s"', async (username, more) => {
    const { fetch, seen } = await asked({ username, password: 'pässwörd "\\', more, realm: 'bücher, "x"' }, { username, password: 'pässwörd "\\' }) // biome-ignore format: one line
    expect((await fetch('/')).status).toBe(200)
    const { fields } = seen[1] as (typeof seen)[0]
    if (more.includes('userhash')) expect(fields.username).toMatch(/^[\da-f]{64}$/)
    expect('username*' in fields).toBe(/[^\0-~]/.test(username) && more.startsWith('charset') && !more.includes('hash'))
  })

  it('a name in another composition of Unicode, as the server keeps it', async () => {
    const { fetch } = await asked({ username: 'é', password: 'é' }, { username: 'e\u0301', password: 'e\u0301' })
    expect((await fetch('/')).status).toBe(200)
  })
})

describe('11 which challenge is answered', () => {
  it.each([
    [['MD5', 'SHA-256'], undefined, 'SHA-256'],
    [['MD5', 'SHA-512-256', 'SHA-256'], undefined, 'SHA-512-256'],
    [['MD5-sess', 'MD5'], undefined, 'MD5-sess'],
    [['sha-256', 'MD5'], undefined, 'sha-256'],
    [['SHA3-512', 'MD5'], undefined, 'MD5'],
    [['MD5', 'SHA-256', 'SHA-512-256'], ['SHA-256', 'MD5'], 'SHA-256'],
  ])('of %s, where %s are accepted: %s', async (offered, algorithms, chosen) => {
    const before = 'Negotiate, Basic realm="a, b", Bearer realm="Digest realm=x", error="nonce=1"'
    const server = await serve(({ headers }) => {
      const challenge = offered.map((name, i) => `Digest realm="a, \\"b", qop="auth, auth-int", nonce="n, ${i}", algorithm=${name}`) // biome-ignore format: one line
      return headers.authorization
        ? { body: headers.authorization }
        : { status: 401, headers: { 'www-authenticate': [before, ...challenge].join(', ') } }
    })
    const auth = digest({ ...user, ...(algorithms && { algorithms: algorithms as never }) })
    const sent = await (await createFetch({ baseUrl: server, auth })('/')).text()
    expect(parseChallenges(sent)[0]?.parameters).toMatchObject({
      algorithm: chosen,
      nonce: `n, ${offered.indexOf(chosen)}`,
      realm: 'a, "b',
      qop: 'auth',
    })
  })

  it('auth-int where the caller prefers it', async () => {
    const { fetch, seen } = await asked({ qop: 'auth,auth-int' }, { qop: 'auth-int' })
    expect((await fetch('/', { method: 'POST', body: 'x' })).status).toBe(200)
    expect(seen[1]?.fields.qop).toBe('auth-int')
  })

  it('MD5 is refused by an option, with an error that says so, and nothing is sent', async () => {
    const { fetch, seen } = await asked({ algorithms: ['MD5', 'MD5-sess'] }, { algorithms: ['SHA-256', 'SHA-512-256'] })
    await expect(fetch('/')).rejects.toMatchObject({ code: 'challenge_refused' })
    expect(seen).toHaveLength(1)
  })

  it('never Basic, and no answer where nobody asked for Digest', async () => {
    const seen: unknown[] = []
    for (const header of ['Basic realm="x"', 'Bearer', undefined]) {
      const baseUrl = await serve(({ headers }) => {
        seen.push(headers.authorization)
        return { status: 401, ...(header && { headers: { 'www-authenticate': header } }) }
      })
      expect((await createFetch({ baseUrl, auth: digest(user) })('/')).status).toBe(401)
    }
    expect(seen).toEqual([undefined, undefined, undefined])
  })

  it.each([
    'Digest',
    'Digest realm="x"',
    'Digest nonce="x", qop=auth',
    'Digest realm="x", nonce="y", qop="token"',
    'Digest realm="x", nonce="y", algorithm=MD5-sess',
    'Digest realm="x", nonce="y", qop="auth", algorithm=SHA-1',
  ])('%s cannot be answered', async (header) => {
    const baseUrl = await serve(() => ({ status: 401, headers: { 'www-authenticate': header } }))
    const asking = createFetch({ baseUrl, auth: digest(user) })('/')
    await expect(asking).rejects.toMatchObject({ code: 'challenge_refused' })
  })
})

describe('10 what the server wishes', () => {
  it('a stale nonce is replaced once, without asking anybody', async () => {
    const { fetch, seen, events } = await asked({ uses: 2 })
    for (let i = 0; i < 5; i++) expect((await fetch('/')).status).toBe(200)
    expect(seen.map(({ status }) => status)).toEqual([401, 200, 200, 401, 200, 200, 401, 200])
    expect(events).toEqual(['challenge', 'stale_nonce', 'stale_nonce'])
  })

  it('a nonce that is stale again and again is not chased', async () => {
    const { fetch, seen } = await asked({ uses: 0 })
    expect((await fetch('/')).status).toBe(401)
    expect(seen).toHaveLength(3)
  })

  it('a server that forgot its nonces without a word is answered anew', async () => {
    let restarted = false
    const { origin, seen } = await digestServer()
    const fresh = await digestServer({ silent: true })
    // One origin that changes hands.
    const baseUrl = await serve(async ({ target, headers }) => {
      const { authorization = '' } = headers
      const answer = await fetch((restarted ? fresh.origin : origin) + target, { headers: authorization ? { authorization } : {} }) // biome-ignore format: one line
      return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() }
    })
    const ask = createFetch({ baseUrl, auth: digest(user), retry: 0 })
    expect((await ask('/')).status).toBe(200)
    restarted = true
    expect((await ask('/')).status).toBe(200)
    expect(seen).toHaveLength(2)
  })

  it('wrong credentials are tried once, and refused', async () => {
    const { fetch, seen } = await asked({}, { password: 'wrong' })
    expect((await fetch('/')).status).toBe(401)
    expect(seen.map(({ fields }) => 'response' in fields)).toEqual([false, true])
    expect((await fetch('/')).status).toBe(401)
    expect(seen).toHaveLength(3)
  })

  it('a rotated password is read anew', async () => {
    let password = 'wrong'
    const { fetch } = await asked({}, { password: async () => password })
    expect((await fetch('/')).status).toBe(401)
    password = user.password
    expect((await fetch('/')).status).toBe(200)
  })

  it.each(['SHA-256', 'MD5-sess'])('nextnonce is used for the next request (%s)', async (algorithm) => {
    const { fetch, seen, accepted } = await asked({ nextnonce: true, uses: 1, algorithms: [algorithm] })
    for (let i = 0; i < 4; i++) expect((await fetch('/')).status).toBe(200)
    expect(seen).toHaveLength(5)
    expect(new Set(accepted.map((one) => one.split(' ')[0])).size).toBe(4)
    expect(accepted.every((one) => one.endsWith(' 00000001'))).toBe(true)
  })

  it.each(['auth', 'auth-int'])('a server that does not know the password is found out (%s)', async (qop) => {
    const { fetch } = await asked({ rspauth: 'wrong', qop })
    await expect(fetch('/', { method: 'POST', body: 'x' })).rejects.toMatchObject({ code: 'server_not_proven' })
  })

  it('content that was changed on the way is found out under auth-int, and still read by the caller otherwise', async () => {
    const { origin } = await digestServer({ qop: 'auth-int', welcome: () => ({ body: 'ünveiled \u0000' }) })
    let change = (body: string) => body
    const baseUrl = await serve(async ({ target, headers, method }) => {
      const { authorization = '' } = headers
      const answer = await fetch(origin + target, { method, headers: authorization ? { authorization } : {} })
      return { status: answer.status, headers: Object.fromEntries([...answer.headers].filter(([name]) => name !== 'content-length')), body: change(await answer.text()) } // biome-ignore format: one line
    })
    const ask = createFetch({ baseUrl, auth: digest(user), retry: 0 })
    expect(await (await ask('/')).text()).toBe('ünveiled \u0000')
    change = (body) => body.replace('ü', 'u')
    await expect(ask('/')).rejects.toMatchObject({ code: 'server_not_proven' })
  })

  it('content that the platform decoded is not judged: what was hashed is what travelled', async () => {
    const { origin } = await digestServer({ qop: 'auth-int' })
    const baseUrl = await serve(async ({ target, headers }) => {
      const { authorization = '' } = headers
      if (!authorization) {
        const challenge = await fetch(origin + target)
        return { status: 401, headers: { 'www-authenticate': challenge.headers.get('www-authenticate') ?? '' } }
      }
      return { headers: { 'authentication-info': 'rspauth="of the bytes that travelled"', 'content-encoding': 'identity' }, body: 'welcome' } // biome-ignore format: one line
    })
    const ask = (mutual: boolean) => createFetch({ baseUrl, auth: digest({ ...user, mutual }), retry: 0 })('/')
    expect((await ask(false)).status).toBe(200)
    await expect(ask(true)).rejects.toMatchObject({ code: 'server_not_proven' })
  })

  it('a server that proves nothing is accepted, unless the caller wants proof', async () => {
    const policy = { rspauth: 'none' } as const
    expect((await (await asked(policy)).fetch('/')).status).toBe(200)
    await expect((await asked(policy, { mutual: true })).fetch('/')).rejects.toMatchObject({
      code: 'server_not_proven',
    })
    expect((await (await asked({}, { mutual: true })).fetch('/')).status).toBe(200)
    const failing = await asked({ ...policy, welcome: () => ({ status: 503 }) }, { mutual: true })
    expect((await failing.fetch('/')).status).toBe(503)
  })
})

describe('11 the count of a nonce', () => {
  it('6 1,000 parallel calls: each counts once, and none is refused', async () => {
    const { fetch, seen, accepted } = await asked()
    const all = await Promise.all(Array.from({ length: 1000 }, (_, i) => fetch(`/${i}`)))
    expect(all.every(({ status }) => status === 200)).toBe(true)
    expect(accepted).toHaveLength(1000)
    expect(new Set(accepted).size).toBe(1000)
    // The first answers teach all others: one nonce serves them.
    const nonces = new Set(accepted.map((one) => one.split(' ')[0]))
    expect(nonces.size).toBe(1)
    expect(seen.length).toBeLessThanOrEqual(2000)
  }, 60_000)

  it('6 1,000 parallel calls at a server whose nonces go stale', async () => {
    const { fetch, accepted } = await asked({ uses: 400 })
    expect((await fetch('/')).status).toBe(200)
    const all = await Promise.all(Array.from({ length: 1000 }, (_, i) => fetch(`/${i}`)))
    // Each may be made anew once, so two nonces do not do for all.
    expect(all.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(600)
    expect(new Set(accepted).size).toBe(accepted.length)
  }, 60_000)
})

describe('1 where an answer goes', () => {
  it('to the origin that asked, and to no other', async () => {
    const one = await digestServer()
    const other = await digestServer({ more: `domain="${one.origin}/ /"` })
    const fetch = createFetch({ origins: [one.origin, other.origin], auth: digest(user), retry: 0 })
    expect((await fetch(`${one.origin}/`)).status).toBe(200)
    expect((await fetch(`${other.origin}/`)).status).toBe(200)
    // Each was asked by itself first: what one said counts for nobody else.
    expect([one, other].map(({ seen }) => 'response' in (seen[0]?.fields ?? {}))).toEqual([false, false])
    await expect(fetch('http://127.0.0.1:1/')).rejects.toMatchObject({ code: 'origin_not_allowed' })
  })

  it('at once within the domain that was named, and not before it is asked for outside', async () => {
    const { fetch, seen } = await asked({ more: 'domain="/private /other"' })
    for (const path of ['/private/a', '/private/b?x', '/other', '/public', '/public']) await fetch(path)
    expect(seen.map(({ target, status }) => `${target} ${status}`)).toEqual([
      '/private/a 401',
      '/private/a 200',
      '/private/b?x 200',
      '/other 200',
      '/public 401',
      '/public 200',
      '/public 200',
    ])
  })

  it('what is named of another origin means nothing here', async () => {
    const { fetch, seen } = await asked({ more: 'domain="/a https://other.example/b"' })
    for (const path of ['/a', '/b']) await fetch(path)
    expect(seen.map(({ status }) => status)).toEqual([401, 200, 401, 200])
  })

  it('two spaces of one origin do not disturb each other', async () => {
    const [a, b] = await Promise.all(
      ['a', 'b'].map((name) => digestServer({ realm: name, more: `domain="/${name}/"` })),
    )
    const baseUrl = await serve(async ({ target, headers }) => {
      const { authorization = '' } = headers
      const answer = await fetch(((target.startsWith('/a') ? a : b)?.origin ?? '') + target, { headers: authorization ? { authorization } : {} }) // biome-ignore format: one line
      return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() }
    })
    const ask = createFetch({ baseUrl, auth: digest(user), retry: 0 })
    for (const path of ['/a/', '/b/', '/a/', '/b/']) expect((await ask(path)).status).toBe(200)
    expect([a, b].map((server) => server?.seen.length)).toEqual([3, 3])
  })

  it('3 on every hop and retry, over what others placed', async () => {
    const { origin, accepted } = await digestServer({
      welcome: ({ target }, index) =>
        target.startsWith('/to') ? { status: index < 3 ? 503 : 200 } : { status: 307, headers: { location: '/to?b' } },
    })
    const auth = [digest(user), apiKey({ in: 'query', name: 'key', value: 'a b' })]
    const fetch = createFetch({ baseUrl: origin, auth, retry: { delay: () => 1 } })
    expect((await fetch('/from', { method: 'PUT', body: 'x' })).status).toBe(200)
    expect(new Set(accepted).size).toBe(4)
  })
})

describe('content that is a stream', () => {
  it('is sent where nothing covers it, and refused where something does', async () => {
    const body = () => new Blob(['x']).stream()
    const { fetch } = await asked()
    expect((await fetch('/', { method: 'PUT', body })).status).toBe(200)
    expect((await fetch('/', { method: 'PUT', body: body() })).status).toBe(200)
    const covered = await asked({ qop: 'auth-int' })
    await expect(covered.fetch('/', { method: 'PUT', body })).rejects.toMatchObject({ code: 'body_not_replayable' })
  })

  it('a call that was under way when the server first asked for its content is made anew', async () => {
    const { fetch } = await asked({ qop: 'auth-int' })
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => fetch('/', { method: 'POST', body: `${i}` })))
    expect(all.map(({ status }) => status)).toEqual(new Array(20).fill(200))
    const { origin } = await digestServer({ qop: 'auth-int' })
    const queued = createFetch({ baseUrl: origin, auth: digest(user), limits: [{ concurrent: 1 }] })
    const waited = await Promise.all(Array.from({ length: 3 }, (_, i) => queued('/', { method: 'POST', body: `${i}` })))
    expect(waited.map(({ status }) => status)).toEqual([200, 200, 200])
  })
})

describe('8 a refusal explains itself', () => {
  it('with what was hashed, without the password and what stands for it', async () => {
    const { origin, seen } = await digestServer()
    const client = createClient({ baseUrl: origin, auth: digest({ ...user, password: 'not this' }) })
    const error = await client.get('a?b').catch((error: HTTPError) => error)
    const { canonicalRequest, stringToSign } = (await explain(error)) ?? {}
    expect(canonicalRequest).toBe('A1: Mufasa:a, "quoted" realm:<redacted>\nA2: GET:/a?b')
    const { nonce, nc, cnonce } = seen[1]?.fields ?? {}
    expect(stringToSign).toMatch(new RegExp(`^<redacted>:${nonce}:${nc}:${cnonce}:auth:[\\da-f]{64}$`))
  })
})

describe('7 what cannot work is refused at once', () => {
  it.each([
    [{ username: '' }, 'credential_invalid'],
    [{ username: 'a:b' }, 'credential_invalid'],
    [{ password: 'line\n' }, 'credential_invalid'],
    [{ algorithms: [] }, 'invalid_option'],
    [{ algorithms: ['SHA-1'] }, 'invalid_option'],
    [{ qop: 'token' }, 'invalid_option'],
  ])('%o', (change, code) => {
    expect(() => digest({ ...user, ...(change as object) })).toThrow(expect.objectContaining({ code }))
  })
})
