import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { exportJWK, importJWK, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { type JwtAlgorithm, type JwtKey, type JwtOptions, jwt } from '../../src/auth/jwt.ts'
import { createFetch } from '../../src/fetch.ts'
import { apiKey, createClient, explain, type HTTPError, Secret } from '../../src/index.ts'
import { attempted } from '../hmac/attempt.ts'
import { type Arrived, serve } from '../servers/raw.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const curve = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })
const ec = { ES256: curve('P-256'), ES384: curve('P-384'), ES512: curve('P-521') }
const ed = generateKeyPairSync('ed25519')
const secret = 'a secret of at least 64 bytes, as RFC 7518 wants it for HS512, and more'

const pairOf = (algorithm: string) =>
  /^[RP]S/.test(algorithm) ? rsa : algorithm.startsWith('ES') ? ec[algorithm as keyof typeof ec] : ed
const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8') => key.export({ format: 'pem', type: type as 'pkcs8' }) as string // biome-ignore format: one line
const verifierOf = async (algorithm: string) =>
  algorithm.startsWith('HS') ? new TextEncoder().encode(secret) : pairOf(algorithm).publicKey
const tokenOf = (request: Request) => (request.headers.get('authorization') ?? '').replace('Bearer ', '')
const made = async (options: JwtOptions, now?: number) =>
  (await attempted(jwt(options), { url: 'https://api.example.com/', ...(now !== undefined && { now }) })).request

const asymmetric: JwtAlgorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] // biome-ignore format: one line
const all: JwtAlgorithm[] = ['HS256', 'HS384', 'HS512', ...asymmetric]

describe('a token that jose verifies', () => {
  it.each(all)('%s', async (algorithm) => {
    const key = algorithm.startsWith('HS') ? secret : pem(pairOf(algorithm).privateKey)
    const request = await made({ algorithm, key, keyId: 'one', claims: { iss: 'me', aud: 'you', n: 'ü' } })
    const verifier = await verifierOf(algorithm)
    const { payload, protectedHeader } = await jwtVerify(tokenOf(request), verifier, { issuer: 'me', audience: 'you', algorithms: [algorithm] }) // biome-ignore format: one line
    expect(protectedHeader).toEqual({ alg: algorithm, typ: 'JWT', kid: 'one' })
    expect(payload.n).toBe('ü')
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60)
    expect(Math.abs((payload.iat ?? 0) - Date.now() / 1000)).toBeLessThan(60)
    // The first character of the signature: those at its end may be the same by chance.
    const forged = tokenOf(request).replace(/\.(.)([^.]*)$/, (_, first, rest) => `.${first === 'A' ? 'B' : 'A'}${rest}`)
    await expect(jwtVerify(forged, verifier)).rejects.toThrow()
  })

  it.each(asymmetric)(
    '%s from a CryptoKey, a JWK, a Secret, PEM with spelled line breaks, and a function',
    async (algorithm) => {
      const { privateKey } = pairOf(algorithm)
      const jwk = { ...(await exportJWK(privateKey)), kid: 'of the key', use: 'sig', key_ops: ['sign'], alg: algorithm }
      const imported = (await importJWK({ ...jwk, ext: false } as never, algorithm)) as CryptoKey
      const text = pem(privateKey)
      const keys: (JwtKey | (() => JwtKey | Promise<JwtKey>))[] = [imported, jwk as JsonWebKey, text, text.replaceAll('\n', '\\n'), text.replaceAll('\n', '\r\n'), new Secret(text), async () => new Secret(text)] // biome-ignore format: one line
      for (const key of keys) {
        const { protectedHeader } = await jwtVerify(
          tokenOf(await made({ algorithm, key })),
          await verifierOf(algorithm),
        )
        expect(protectedHeader.kid).toBe(key === jwk ? 'of the key' : undefined)
      }
    },
  )

  it('HS256 from text, bytes, a Secret and a JWK', async () => {
    const bytes = new TextEncoder().encode(secret)
    const jwk = { kty: 'oct', k: Buffer.from(secret).toString('base64url') }
    for (const key of [secret, bytes, new Secret(secret), jwk])
      await jwtVerify(tokenOf(await made({ algorithm: 'HS256', key })), bytes)
  })

  it('the PKCS #1 that GitHub hands out, and SEC 1', async () => {
    for (const bits of [2048, 3072, 4096]) {
      const pair = generateKeyPairSync('rsa', { modulusLength: bits })
      const request = await made({ algorithm: 'RS256', key: pem(pair.privateKey, 'pkcs1') })
      await jwtVerify(tokenOf(request), pair.publicKey)
    }
    for (const algorithm of ['ES256', 'ES384', 'ES512'] as const) {
      const request = await made({ algorithm, key: pem(ec[algorithm].privateKey, 'sec1') })
      await jwtVerify(tokenOf(request), ec[algorithm].publicKey)
    }
  })

  it('with claims, header and scheme as the API wants them', async () => {
    const options: JwtOptions = {
      algorithm: 'ES256',
      key: pem(ec.ES256.privateKey),
      header: { typ: undefined, nonce: 'n' },
      scheme: 'JWT',
      claims: ({ now, origin, method, url }) => ({ iat: Math.floor(now / 1000) - 60, exp: undefined, aud: origin, uri: `${method} ${url.pathname}` }), // biome-ignore format: one line
    }
    const request = await made(options, 1_700_000_000_500)
    expect(request.headers.get('authorization')).toMatch(/^JWT /)
    const token = request.headers.get('authorization')?.slice(4) ?? ''
    const { payload, protectedHeader } = await jwtVerify(token, ec.ES256.publicKey)
    expect(payload).toEqual({ iat: 1_699_999_940, aud: 'https://api.example.com', uri: 'GET /' })
    expect(protectedHeader).toEqual({ alg: 'ES256', nonce: 'n' })
  })
})

/** Lets in who brings a token that jose accepts, by the clock of this server. */
async function resource(options: { ahead?: number; key?: () => KeyObject } = {}) {
  const { ahead = 0, key = () => ec.ES256.publicKey } = options
  const tokens: string[] = []
  const seen: Arrived[] = []
  const origin = await serve(async (arrived) => {
    seen.push(arrived)
    const token = arrived.headers.authorization?.replace('Bearer ', '') ?? ''
    const now = new Date(Date.now() + ahead)
    const headers = { date: now.toUTCString() }
    try {
      const { payload } = await jwtVerify(token, key(), { currentDate: now, requiredClaims: ['iat', 'exp'] })
      if ((payload.iat ?? 0) * 1000 > now.getTime() + 1000) throw new Error('from the future')
      tokens.push(token)
      return { headers }
    } catch (error) {
      return { status: 401, headers: { ...headers, 'www-authenticate': 'Bearer error="invalid_token"' }, body: String(error) } // biome-ignore format: one line
    }
  })
  return { origin, tokens, seen }
}

describe('how long a token serves', () => {
  const options: JwtOptions = { algorithm: 'ES256', key: pem(ec.ES256.privateKey), claims: { iss: 'me' } }

  it('1,000 parallel calls sign once', async () => {
    const { origin, tokens } = await resource()
    let keys = 0
    const key = () => {
      keys++
      return options.key as string
    }
    const fetch = createFetch({ baseUrl: origin, auth: jwt({ ...options, key }), timeout: false })
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => fetch(`/${i}`)))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(new Set(tokens).size).toBe(1)
    expect(keys).toBe(1)
  }, 60_000)

  it('until shortly before it expires, and not when the clock was set back', async () => {
    let now = 1_700_000_000_000
    const auth = jwt({ ...options, lifetime: 60_000 })
    const at = async (time: number) => {
      now = time
      return tokenOf((await attempted(auth, { url: 'https://a.example/', now: () => now })).request)
    }
    const first = await at(now)
    expect(await at(now + 49_000)).toBe(first)
    const second = await at(now + 1000)
    expect(second).not.toBe(first)
    expect(await at(1_700_000_000_000 + 51_000)).toBe(second)
    expect(await at(1_700_000_000_000 - 1000)).not.toBe(second)
  })

  it('each audience has its own, and the oldest of many is forgotten', async () => {
    const [a, b] = [await resource(), await resource()]
    const auth = jwt({ ...options, claims: ({ origin }) => ({ aud: origin }) })
    const fetch = createFetch({ origins: [a.origin, b.origin], auth })
    for (const { origin } of [a, b, a, b]) expect((await fetch(origin)).status).toBe(200)
    for (const { tokens, origin } of [a, b]) {
      expect(new Set(tokens).size).toBe(1)
      expect((await jwtVerify(tokens[0] ?? '', ec.ES256.publicKey)).payload.aud).toBe(origin)
    }
  })

  it('with `jti` every attempt has its own', async () => {
    const ids = new Set<unknown>()
    let requests = 0
    const origin = await serve(async ({ headers }) => {
      const { payload } = await jwtVerify(headers.authorization?.replace('Bearer ', '') ?? '', ec.ES256.publicKey)
      if (ids.has(payload.jti)) return { status: 401 }
      ids.add(payload.jti)
      return { status: ++requests < 3 ? 503 : 200 }
    })
    const fetch = createFetch({ baseUrl: origin, auth: jwt({ ...options, jti: true }), retry: { delay: () => 1 } })
    expect((await fetch('/')).status).toBe(200)
    expect(ids.size).toBe(3)
  })

  it.each([3_600_000, -3_600_000, -30_000])('5 a clock that is off by %d ms heals itself once', async (ahead) => {
    const { origin, seen, tokens } = await resource({ ahead })
    const fetch = createFetch({ baseUrl: origin, auth: jwt(options) })
    expect((await fetch('/')).status).toBe(200)
    expect(seen).toHaveLength(2)
    expect((await fetch('/')).status).toBe(200)
    expect(tokens[0]).toBe(tokens[1])
  })

  it('one that served and is refused is made anew once, with the key of now', async () => {
    const other = curve('P-256')
    let current = ec.ES256
    const { origin, seen } = await resource({ key: () => current.publicKey })
    const fetch = createFetch({ baseUrl: origin, auth: jwt({ ...options, key: () => pem(current.privateKey) }) })
    expect((await fetch('/')).status).toBe(200)
    current = other
    const answers = await Promise.all([fetch('/'), fetch('/'), fetch('/')])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(seen).toHaveLength(7)
    current = ec.ES384 as never
    expect((await createFetch({ baseUrl: origin, auth: jwt(options) })('/')).status).toBe(401)
    expect(seen).toHaveLength(8)
  })

  it('a refusal by another scheme is not about the token', async () => {
    let status = 200
    let requests = 0
    const baseUrl = await serve(() => ({ status: status + 0 * requests++, headers: { 'www-authenticate': 'Basic realm="x"' } })) // biome-ignore format: one line
    const fetch = createFetch({ baseUrl, auth: jwt(options) })
    await fetch('/')
    status = 401
    expect((await fetch('/')).status).toBe(401)
    expect(requests).toBe(2)
  })

  it('4 claims may cover the content, and what others placed in the URL', async () => {
    const { createHash } = await import('node:crypto')
    const origin = await serve(async ({ headers, body, target }) => {
      const { payload } = await jwtVerify(headers.authorization?.replace('Bearer ', '') ?? '', ec.ES256.publicKey)
      const right = payload.hash === createHash('sha256').update(body).digest('hex') && payload.uri === target
      return { status: right ? 200 : 401 }
    })
    const hashing: JwtOptions['claims'] = async ({ body, url }) => ({
      uri: url.pathname + url.search,
      hash: Buffer.from(await crypto.subtle.digest('SHA-256', body)).toString('hex'),
    })
    const auth = [jwt({ ...options, claims: hashing, needsBody: true }), apiKey({ in: 'query', name: 'k', value: 'v' })]
    const fetch = createFetch({ baseUrl: origin, auth })
    const form = new FormData()
    form.set('a', new Blob(['\0']), 'b')
    for (const body of ['text ü', form, new URLSearchParams({ a: 'b' }), new Blob(['x'])])
      expect((await fetch('/p?q=1', { method: 'POST', body })).status).toBe(200)
    expect((await fetch('/p')).status).toBe(200)
  })
})

describe('8 a refusal explains itself', () => {
  it('with header and claims', async () => {
    const baseUrl = await serve(() => ({ status: 403 }))
    const client = createClient({ baseUrl, auth: jwt({ algorithm: 'HS256', key: secret, claims: { iss: 'me' } }) })
    const error = await client.get('a').catch((error: HTTPError) => error)
    const { canonicalRequest, stringToSign } = (await explain(error)) ?? {}
    expect(canonicalRequest).toMatch(/^\{"alg":"HS256","typ":"JWT"\}\n\{"iat":\d+,"exp":\d+,"iss":"me"\}$/)
    expect(stringToSign).toMatch(/^[\w-]+\.[\w-]+$/)
  })
})

describe('7 what cannot work is refused with what to write instead', () => {
  const good = { algorithm: 'RS256', key: pem(rsa.privateKey) }
  it.each([
    [{ algorithm: 'none' }, 'algorithm'],
    [{ algorithm: 'HS1' }, 'algorithm'],
    [{ lifetime: 60 }, 'lifetime'],
    [{ scheme: 'a b' }, 'scheme'],
    [{ key: '' }, 'key'],
    [{ key: undefined }, 'key'],
  ])('%o at creation', (change, says) => {
    const make = () => jwt({ ...good, ...change } as JwtOptions)
    expect(make).toThrow(expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(says) }))
  })

  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
  const encrypted = rsa.privateKey.export({
    format: 'pem',
    type: 'pkcs8',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  }) as string
  const old = rsa.privateKey.export({ format: 'pem', type: 'pkcs1', cipher: 'aes-256-cbc', passphrase: 'x' }) as string
  const spki = rsa.publicKey.export({ format: 'pem', type: 'spki' }) as string
  it.each([
    ['a public key', spki, 'PUBLIC KEY'],
    ['an encrypted one', encrypted, 'openssl'],
    ['an encrypted one of old', old, 'openssl'],
    ['no PEM', 'abc', 'no PEM'],
    ['PEM that does not decode', '-----BEGIN PRIVATE KEY-----\n%%%\n-----END PRIVATE KEY-----', 'decode'],
    ['garbage in PEM', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----', 'Web Crypto'],
    ['another kind', pem(ec.ES256.privateKey), 'Web Crypto'],
    ['a curve of another', pem(ec.ES256.privateKey, 'sec1'), 'EC PRIVATE KEY'],
    ['too short a key', pem(weak), '2048'],
    ['a public JWK', { kty: 'RSA', n: 'AQAB', e: 'AQAB' }, 'public'],
    ['a JWK of another kind', { kty: 'oct', k: 'AAAA' }, 'Web Crypto'],
    ['bytes', new Uint8Array(3), 'HS256'],
    ['nothing', () => undefined, 'nothing'],
    ['a function that throws', () => { throw new Error(secret) }, 'failed'], // biome-ignore format: one line
  ])('%s', async (_, key, says) => {
    const error = await made({ ...good, key } as JwtOptions).catch((error: Error) => error)
    expect(error).toMatchObject({ code: expect.stringMatching(/^credential_/), message: expect.stringContaining(says) })
    expect(String((error as Error).stack)).not.toContain(secret)
  })

  it('a CryptoKey that is made for something else', async () => {
    const verifying = await crypto.subtle.importKey('spki', rsa.publicKey.export({ format: 'der', type: 'spki' }) as never, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, true, ['verify']) // biome-ignore format: one line
    const other = (await importJWK(await exportJWK(rsa.privateKey), 'RS512')) as CryptoKey
    for (const key of [verifying, other])
      await expect(made({ algorithm: 'RS256', key })).rejects.toMatchObject({ code: 'credential_invalid' })
    const p256 = (await importJWK(await exportJWK(ec.ES256.privateKey), 'ES256')) as CryptoKey
    await expect(made({ algorithm: 'ES384', key: p256 })).rejects.toMatchObject({ code: 'credential_invalid' })
    await expect(made({ algorithm: 'HS256', key: new Secret('') })).rejects.toMatchObject({
      code: 'credential_invalid',
    })
  })
})
