import { createHash } from 'node:crypto'
import { httpbis } from 'http-message-signatures'
import { expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import {
  jwkThumbprint,
  signatureDirectory,
  signatureVerifier,
  webBotAuth,
} from '../../src/message-signatures/message-signatures.ts'
import { api } from '../servers/api.ts'
import { judging } from './judge.ts'
import { keys, peerVerifier } from './keys.ts'

const { d: _, ...publicJwk } = keys.ed25519
const agent = 'https://bot.example.com'

it('the thumbprints of RFC 7638, section 3.1, and RFC 8037, appendix A.3, and of P-256', async () => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
  expect(await jwkThumbprint({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256' })).toBe(
    'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
  )
  const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
  expect(await jwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x })).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
  const { x: px, y } = keys['ecdsa-p256-sha256']
  const text = `{"crv":"P-256","kty":"EC","x":"${px}","y":"${y}"}`
  expect(await jwkThumbprint(keys['ecdsa-p256-sha256'])).toBe(createHash('sha256').update(text).digest('base64url'))
  for (const wrong of [{}, { kty: 'oct', k: 'AA' }, { kty: 'EC', crv: 'P-256' }])
    await expect(jwkThumbprint(wrong)).rejects.toMatchObject({ code: 'credential_invalid' })
})

it.each([
  ['string', '"https://bot.example.com"', '("@authority" "signature-agent")'],
  ['dictionary', 'sig="https://bot.example.com"', '("@authority" "signature-agent";key="sig")'],
] as const)('a bot says who it is, with an agent as %s', async (agentForm, field, components) => {
  const { url, seen } = await api(judging('ed25519'))
  const fetch = createFetch({ baseUrl: url, auth: webBotAuth({ key: keys.ed25519, agent, agentForm }) })
  expect((await fetch(url)).status).toBe(200)
  expect((await fetch(url, { method: 'POST', body: () => new Blob(['x']).stream() })).status).toBe(200)
  const { headers } = seen[0] as (typeof seen)[0]
  expect(headers['signature-agent']).toBe(field)
  const [, listed, created, expires, nonce, keyid] =
    /^sig=(\(.*?\));created=(\d+);expires=(\d+);nonce="([\w-]+)";keyid="([\w-]+)";tag="web-bot-auth"$/.exec(
      String(headers['signature-input']),
    ) ?? []
  expect(listed).toBe(components)
  expect(Number(expires) - Number(created)).toBe(300)
  expect(Buffer.from(nonce as string, 'base64url')).toHaveLength(64)
  expect(keyid).toBe(await jwkThumbprint(publicJwk))
})

it('without an agent, and with more components', async () => {
  const { url, seen } = await api(judging('ecdsa-p256-sha256'))
  const auth = webBotAuth({
    key: keys['ecdsa-p256-sha256'],
    components: ['@method', 'content-digest'],
    expiresIn: 60_000,
  })
  expect((await createFetch({ baseUrl: url, auth })(url, { method: 'POST', body: 'x' })).status).toBe(200)
  expect(seen[0]?.headers).not.toHaveProperty('signature-agent')
  expect(seen[0]?.headers['signature-input']).toContain('("@authority" "@method" "content-digest")')
})

it('7 what Web Bot Auth does not allow is refused', () => {
  const wrongs: object[] = [
    { key: 'secret', algorithm: 'hmac-sha256', keyid: 'k' },
    { key: '-----BEGIN PRIVATE KEY-----' },
    { key: keys['hmac-sha256'] },
    { expiresIn: 86_400_001 },
    { expiresIn: 0 },
    { agent: 'bot.example.com' },
    { agent: 'https://bot.example.com/ü' },
  ]
  for (const wrong of wrongs)
    expect(() => webBotAuth({ key: keys.ed25519, ...wrong })).toThrow(
      expect.objectContaining({ code: 'invalid_option' }),
    )
})

it('a directory shows the public halves, and is signed with each key', async () => {
  const request = { method: 'GET', url: `${agent}/.well-known/http-message-signatures-directory`, headers: {} }
  const own = [
    { ...keys.ed25519, nbf: 1, exp: 2 },
    keys['ecdsa-p256-sha256'],
    keys['ecdsa-p384-sha384'],
    keys['rsa-pss-sha512'],
  ]
  const response = await signatureDirectory(request, { keys: own })
  expect(response.headers.get('content-type')).toBe('application/http-message-signatures-directory+json')
  const text = await response.clone().text()
  for (const { d, p } of own) for (const secret of [d, p]) if (secret) expect(text).not.toContain(secret)
  const { keys: shown } = JSON.parse(text) as { keys: (JsonWebKey & { kid: string })[] }
  expect(shown[0]).toEqual({ ...publicJwk, kid: await jwkThumbprint(publicJwk), use: 'sig', nbf: 1, exp: 2 })

  const algorithms = ['ed25519', 'ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pss-sha512'] as const
  for (const [i, algorithm] of algorithms.entries()) {
    const verifier = signatureVerifier({
      label: `sig${i + 1}`,
      tag: 'http-message-signatures-directory',
      components: ['@authority;req'],
      maxAge: false,
      keys: ({ keyid }) => ({ key: shown.find(({ kid }) => kid === keyid) as JsonWebKey, algorithm }),
    })
    expect(await verifier.verify(response, { request })).toMatchObject({ keyid: shown[i]?.kid })
    const other = { ...request, url: request.url.replace('bot', 'other') }
    await expect(verifier.verify(response, { request: other })).rejects.toMatchObject({ code: 'signature_invalid' })
  }
  const headers = Object.fromEntries(response.headers)
  const byKid = (kid: unknown) => algorithms[shown.findIndex((key) => key.kid === kid)] as (typeof algorithms)[number]
  const keyLookup = async ({ keyid }: { keyid?: string }) => peerVerifier(byKid(keyid))
  expect(await httpbis.verifyMessage({ keyLookup, all: true }, { status: 200, headers }, request)).toBe(true)
})

it('who is asked finds the key in the directory', async () => {
  const bot = await api(async ({ method, url, headers }) => {
    const request = { method, url: `http://${headers.host}${url}`, headers }
    const response = await signatureDirectory(request, { keys: [keys.ed25519] })
    return { headers: Object.fromEntries(response.headers), body: await response.text() }
  })
  const verifier = signatureVerifier({
    tag: 'web-bot-auth',
    components: ['@authority', 'signature-agent'],
    keys: async ({ keyid }) => {
      const answer = await fetch(`${bot.url}.well-known/http-message-signatures-directory`)
      const { keys: found } = (await answer.json()) as { keys: (JsonWebKey & { kid: string })[] }
      const key = found.find(({ kid }) => kid === keyid)
      return key && { key, algorithm: 'ed25519' }
    },
  })
  const { url } = await api(async ({ method, url: target, headers }) => {
    const verified = verifier.verify({ method, url: `http://${headers.host}${target}`, headers })
    return verified.then(
      () => ({}),
      () => ({ status: 401 }),
    )
  })
  const ask = (key: JsonWebKey) => createFetch({ baseUrl: url, auth: webBotAuth({ key, agent: bot.origin }) })(url)
  expect((await ask(keys.ed25519)).status).toBe(200)
  expect((await ask(keys['ecdsa-p256-sha256'])).status).toBe(401)
})
