import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto'
import { afterEach, expect, it, vi } from 'vitest'
import { Secret } from '../../src/index.ts'
import { clientCredentials, clientSecretJwt, privateKeyJwt, type SigningAlgorithm } from '../../src/oauth/oauth.ts'
import { claimsOf } from '../../src/oauth/record.ts'
import { openIdProvider, SECRET } from '../servers/openid.ts'
import { failure, given, textOf } from './token.ts'

afterEach(() => void vi.restoreAllMocks())

const pem = ({ privateKey, publicKey }: KeyPairKeyObjectResult) => ({
  privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  jwk: publicKey.export({ format: 'jwk' }),
})
const rsa = () => pem(generateKeyPairSync('rsa', { modulusLength: 2048 }))
const ec = (namedCurve: string) => pem(generateKeyPairSync('ec', { namedCurve }))

const keys: Record<string, { key: ReturnType<typeof pem>; algorithm: SigningAlgorithm }> = {
  RS256: { key: rsa(), algorithm: 'RS256' },
  RS512: { key: rsa(), algorithm: 'RS512' },
  PS256: { key: rsa(), algorithm: 'PS256' },
  ES256: { key: ec('P-256'), algorithm: 'ES256' },
  ES384: { key: ec('P-384'), algorithm: 'ES384' },
  ES512: { key: ec('P-521'), algorithm: 'ES512' },
  EdDSA: { key: pem(generateKeyPairSync('ed25519')), algorithm: 'EdDSA' },
}
const client = (client_id: string, jwk: object, algorithm: string) => ({
  client_id,
  redirect_uris: [],
  response_types: [] as never[],
  grant_types: ['client_credentials'],
  token_endpoint_auth_method: 'private_key_jwt' as const,
  token_endpoint_auth_signing_alg: algorithm as never,
  jwks: { keys: [{ ...jwk, kid: 'one' }] },
})

it('private_key_jwt gets a token with every kind of key, in PEM, and with the algorithm it was made for', async () => {
  const clients = Object.entries(keys).map(([id, { key, algorithm }]) => client(id, key.jwk, algorithm))
  const as = await openIdProvider({ clients })
  for (const [clientId, { key, algorithm }] of Object.entries(keys)) {
    const stated = /RS512|PS/.test(algorithm) ? { algorithm } : {}
    const clientAuthentication = privateKeyJwt({ privateKey: key.privateKey, keyId: 'one', ...stated })
    const token = await clientCredentials({ issuer: as.issuer, clientId, clientAuthentication }).token(given())
    expect(await as.isActive(textOf(token)), clientId).toBe(true)
  }
  expect(as.posts('/token').every(({ form, headers }) => !headers.authorization && form.has('client_assertion'))).toBe(
    true,
  )
})

it('private_key_jwt takes a CryptoKey, a JWK, their text, a Secret and a function, and keeps one assertion for one request', async () => {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const jwk = { ...(await crypto.subtle.exportKey('jwk', privateKey)), kid: 'one' }
  const as = await openIdProvider({
    clients: [client('key', await crypto.subtle.exportKey('jwk', publicKey), 'ES256')],
  })
  for (const source of [
    privateKey,
    jwk,
    JSON.stringify(jwk),
    new Secret(JSON.stringify(jwk)),
    async () => JSON.stringify(jwk),
  ]) {
    const clientAuthentication = privateKeyJwt({ privateKey: source })
    const grant = clientCredentials({ issuer: as.issuer, clientId: 'key', clientAuthentication })
    const first = await grant.token(given())
    await grant.renew?.(first, [], given())
  }
  const assertions = as.posts('/token').map(({ form }) => form.get('client_assertion'))
  expect(new Set(assertions).size).toBe(10)
})

it('client_secret_jwt proves the secret, which never travels', async () => {
  const as = await openIdProvider()
  for (const hash of ['SHA-256', 'SHA-384', 'SHA-512'] as const) {
    const clientAuthentication = clientSecretJwt(SECRET, { hash })
    const grant = clientCredentials({ issuer: as.issuer, clientId: 'hs', clientAuthentication })
    expect(await as.isActive(textOf(await grant.token(given())))).toBe(true)
  }
  expect(as.posts('/token').some(({ form }) => String(form).includes('s3cr3t'))).toBe(false)
  const wrong = clientCredentials({ issuer: as.issuer, clientId: 'hs', clientAuthentication: clientSecretJwt('wrong') })
  expect(await failure(wrong.token(given()))).toMatchObject({ code: 'client_misconfigured', error: 'invalid_client' })
})

it('an audience of its own, and the clock of the server, are in the assertion', async () => {
  const as = await openIdProvider()
  const HOUR = 3600
  const grant = clientCredentials({
    issuer: as.issuer,
    clientId: 'hs',
    clientAuthentication: clientSecretJwt(SECRET, { audience: `${as.issuer}/token` }),
    // A server whose clock is an hour ahead.
    fetch: async (input, init) => {
      const response = await fetch(input, init)
      const headers = new Headers(response.headers)
      headers.set('date', new Date(Date.now() + HOUR * 1000).toUTCString())
      return new Response(response.body, { status: response.status, headers })
    },
  })
  const token = await grant.token(given())
  await grant.renew?.(token, [], given()).catch(() => {})
  const [first, second] = as.posts('/token').map(({ form }) => claimsOf(form.get('client_assertion') ?? ''))
  expect(first).toMatchObject({ aud: `${as.issuer}/token`, iss: 'hs', sub: 'hs' })
  expect(Number(second?.iat) - Number(first?.iat)).toBeGreaterThan(HOUR - 60)
})

it('a key that cannot be used is refused with what to do, before anything is sent, and is not shown', async () => {
  const as = await openIdProvider()
  const sec1 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'sec1',
    format: 'pem',
  }) as string
  const agreed = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits'])
  const shared = { kty: 'oct', k: 'AAAA' }
  for (const privateKey of [
    sec1,
    'no key',
    '{"kty":"EC","crv":"P-256"}',
    '{"kty":',
    shared,
    { ...shared, alg: 'HS256' },
    { ...shared, alg: 'constructor' },
    agreed.privateKey,
  ]) {
    const clientAuthentication = privateKeyJwt({ privateKey })
    const error = await failure(
      clientCredentials({ issuer: as.issuer, clientId: 'hs', clientAuthentication }).token(given()),
    )
    expect(error).toMatchObject({ code: 'credential_invalid' })
    expect(error.message).toContain('openssl pkcs8')
    expect(error.message).not.toContain('AAAA')
  }
  expect(as.posts('/token')).toEqual([])
  expect(() => privateKeyJwt({ privateKey: 'x', algorithm: 'none' as never })).toThrow('`algorithm` must be')
  expect(() => clientSecretJwt('')).toThrow('clientSecret')
})
