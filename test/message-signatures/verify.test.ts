import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/crypto/bytes.ts'
import { LatchkeyError } from '../../src/errors.ts'
import {
  contentDigest,
  type Message,
  type RequestMessage,
  type SignatureAlgorithm,
  SignatureError,
  type SignatureKey,
  type SignOptions,
  signatureVerifier,
  signMessage,
  type VerifierOptions,
} from '../../src/message-signatures/message-signatures.ts'
import { algorithms, keys, privateKey, publicKey } from './keys.ts'

const NOW = 1_800_000_000_000
const request = {
  method: 'POST',
  url: 'https://api.example.com/a?id=1',
  headers: { 'content-type': 'text/plain', 'x-a': '1' },
}
const covered = ['@method', '@target-uri', 'content-type']

async function signed(more: Partial<SignOptions> = {}, message: RequestMessage = request): Promise<RequestMessage> {
  const options = {
    key: keys.ed25519,
    algorithm: 'ed25519',
    keyid: 'k',
    components: covered,
    createdAt: NOW,
    ...more,
  } as const
  const fields = await signMessage(message, options)
  return { ...message, headers: { ...(message.headers as Record<string, string>), ...fields } }
}

const verifier = (more: Partial<VerifierOptions> = {}) =>
  signatureVerifier({
    components: ['@method'],
    keys: ({ keyid }) => (keyid === 'k' ? { key: keys.ed25519, algorithm: 'ed25519' } : undefined),
    ...more,
  })

async function codeOf(
  message: Message,
  more: Partial<VerifierOptions> = {},
  now = NOW,
  body?: Uint8Array<ArrayBuffer>,
): Promise<string> {
  try {
    return (await verifier(more).verify(message, { now, ...(body && { body }) })).label
  } catch (error) {
    expect(error).toBeInstanceOf(LatchkeyError)
    expect(error).toBeInstanceOf(SignatureError)
    return (error as SignatureError).code
  }
}

const withFields = (message: RequestMessage, change: (input: string, signature: string) => Record<string, string>) => {
  const headers = message.headers as Record<string, string>
  return { ...message, headers: { ...headers, ...change(headers['signature-input'] ?? '', headers.signature ?? '') } }
}

describe('12 the policy', () => {
  it('what must be covered, in any order of parameters', async () => {
    const message = await signed({ components: [...covered, 'x-a', '@query-param;name="id"'] })
    expect(await codeOf(message, { components: ['"x-a"', '@query-param;name="id"', '@method'] })).toBe('sig')
    for (const component of ['@path', 'x-a;sf', '@query-param;name="other"', '@method;req'])
      expect(await codeOf(message, { components: [component] })).toBe('signature_unacceptable')
    const byMethod = (found: Message) => ('method' in found && found.method === 'POST' ? ['content-digest'] : [])
    expect(await codeOf(message, { components: byMethod })).toBe('signature_unacceptable')
    expect(await codeOf(await signed({ components: [] }), { components: [] })).toBe('sig')
  })

  it('age, end and clocks', async () => {
    const plain = await signed()
    expect(await codeOf(plain, {}, NOW + 329_000)).toBe('sig')
    expect(await codeOf(plain, {}, NOW + 331_000)).toBe('signature_expired')
    expect(await codeOf(plain, { maxAge: false }, NOW + 1e12)).toBe('sig')
    expect(await codeOf(plain, {}, NOW - 29_000)).toBe('sig')
    expect(await codeOf(plain, {}, NOW - 31_000)).toBe('signature_expired')
    expect(await codeOf(plain, { tolerance: 60_000 }, NOW - 31_000)).toBe('sig')
    const ends = await signed({ expiresAt: NOW + 10_000 })
    expect(await codeOf(ends, {}, NOW + 39_000)).toBe('sig')
    expect(await codeOf(ends, { maxAge: false }, NOW + 41_000)).toBe('signature_expired')
    const timeless = await signed({ createdAt: undefined })
    expect(await codeOf(timeless)).toBe('signature_unacceptable')
    expect(await codeOf(timeless, { maxAge: false })).toBe('sig')
  })

  it('algorithms: the key decides, not the message', async () => {
    expect(await codeOf(await signed({ alg: 'ed25519' }))).toBe('sig')
    expect(await codeOf(await signed({ alg: 'hmac-sha256' }))).toBe('signature_unacceptable')
    expect(await codeOf(await signed(), { algorithms: ['rsa-pss-sha512'] })).toBe('signature_unacceptable')
    // A public key is no secret: who knows it must not sign with it.
    const forged = await signed({ key: utf8(keys.ed25519.x as string), algorithm: 'hmac-sha256', alg: 'hmac-sha256' })
    expect(await codeOf(forged)).toBe('signature_unacceptable')
    expect(await codeOf(await signed({ key: utf8(keys.ed25519.x as string), algorithm: 'hmac-sha256' }))).toBe(
      'signature_invalid',
    )
  })

  it('tag and label choose among several signatures, and one that is right is enough', async () => {
    const first = await signed({ label: 'a', keyid: 'nobody' })
    const both = await signed({ label: 'b', tag: 'app' }, first)
    expect(await codeOf(both)).toBe('b')
    expect(await codeOf(both, { label: 'a' })).toBe('key_unknown')
    expect(await codeOf(both, { label: 'c' })).toBe('signature_missing')
    expect(await codeOf(both, { tag: 'app' })).toBe('b')
    expect(await codeOf(both, { tag: 'other' })).toBe('signature_missing')
    const wrong = withFields(both, (_, signature) => ({ signature: signature.replace(/b=:./, 'b=:/') }))
    expect(await codeOf(wrong)).toBe('signature_invalid')
  })

  it('a nonce is taken once, and only of a signature that is right', async () => {
    const seen = new Set<string>()
    const nonce = async (one: string) => !seen.has(one) && !!seen.add(one)
    const message = await signed({ nonce: 'n-1' })
    expect(
      await codeOf(
        withFields(message, (input) => ({ 'signature-input': input.replace('n-1', 'n-2') })),
        { nonce },
      ),
    ).toBe('signature_invalid')
    expect(await codeOf(message, { nonce }, NOW + 1e9)).toBe('signature_expired')
    expect(seen.size).toBe(0)
    expect(await codeOf(message, { nonce })).toBe('sig')
    expect(await codeOf(message, { nonce })).toBe('nonce_refused')
    expect(await codeOf(await signed(), { nonce })).toBe('signature_unacceptable')
  })

  it('10 content that is covered by its digest is compared', async () => {
    const body = utf8('content')
    const headers = { 'content-digest': await contentDigest(body, 'sha-256', 'sha-512') }
    const message = await signed({ components: ['@method', 'content-digest'] }, { ...request, headers })
    expect(await codeOf(message, {}, NOW, body)).toBe('sig')
    expect(await codeOf(message, {}, NOW, utf8('Content'))).toBe('digest_mismatch')
    expect(await codeOf(message, {}, NOW, utf8(''))).toBe('digest_mismatch')
    expect(await codeOf(message)).toBe('content_unreadable')
    expect(await verifier().verify(message, { now: NOW, body: false })).toMatchObject({ label: 'sig' })
    const insecure = await signed(
      { components: ['@method', 'content-digest'] },
      { ...request, headers: { 'content-digest': 'md5=:AA==:' } },
    )
    expect(await codeOf(insecure, {}, NOW, body)).toBe('digest_mismatch')
  })

  it('trailers are covered where the caller has them', async () => {
    const message = { ...request, trailers: { 'x-checksum': 'abc' } }
    const found = await signed({ components: ['@method', 'x-checksum;tr'] }, message)
    expect(await codeOf(found)).toBe('sig')
    expect(await codeOf({ ...found, trailers: { 'x-checksum': 'abd' } })).toBe('signature_invalid')
    expect(await codeOf({ ...found, trailers: {} })).toBe('component_unavailable')
  })

  it('a decimal is no integer: `sf` tells 1.0 from 1', async () => {
    const message = await signed(
      { components: ['@method', 'x-q;sf'] },
      { ...request, headers: { 'x-q': '1.0,  a;q=0.50' } },
    )
    const said = (value: string) =>
      codeOf({ ...message, headers: { ...(message.headers as Record<string, string>), 'x-q': value } })
    expect(await said('1.0, a; q=0.5')).toBe('sig')
    expect(await said('1, a;q=0.5')).toBe('signature_invalid')
    expect(await said('1.00,a;q=0.500')).toBe('sig')
  })

  it('the type of a field may be told, where a list and a dictionary read alike', async () => {
    const headers = { 'x-d': 'a, b, a' }
    const structuredFields = { 'x-d': 'dictionary' } as const
    const message = await signed({ components: ['@method', 'x-d;sf'], structuredFields }, { ...request, headers })
    expect(await codeOf(message, { structuredFields })).toBe('sig')
    expect(await codeOf(message)).toBe('signature_invalid')
  })
})

describe('12 keys', () => {
  for (const algorithm of algorithms)
    it(`${algorithm}: a JWK, a key of Web Crypto, and PEM or bytes`, async () => {
      const jwk = keys[algorithm]
      const secret = algorithm === 'hmac-sha256'
      const pem = (half: 'public' | 'private') =>
        half === 'public'
          ? publicKey(algorithm).export({ type: 'spki', format: 'pem' }).toString()
          : privateKey(algorithm).export({ type: 'pkcs8', format: 'pem' }).toString()
      const bytes = Buffer.from(jwk.k ?? '', 'base64url')
      const forms: [SignatureKey, SignatureKey][] = [
        [jwk, jwk],
        secret ? [bytes, bytes.toString('hex')] : [pem('private'), pem('public')],
      ]
      for (const [own, theirs] of forms) {
        const message = await signed({ key: own, algorithm })
        for (const [key, secretEncoding] of [[jwk], [theirs, secret ? 'hex' : 'utf8']] as const)
          await verifier({
            keys: () => ({ key: key as SignatureKey, algorithm, ...(secretEncoding && { secretEncoding }) }),
          }).verify(message, { now: NOW })
      }
    })

  const wrong: [string, SignatureKey, SignatureAlgorithm, object?][] = [
    ['an empty secret', '', 'hmac-sha256'],
    ['a secret that is not base64', 'not base64!', 'hmac-sha256', { secretEncoding: 'base64' }],
    ['a key of another curve', keys['ecdsa-p384-sha384'], 'ecdsa-p256-sha256'],
    ['a key of another kind', keys['rsa-v1_5-sha256'], 'ed25519'],
    ['only the public half', { kty: 'OKP', crv: 'Ed25519', x: keys.ed25519.x as string }, 'ed25519'],
    ['PEM of an older form', '-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----', 'rsa-v1_5-sha256'],
    ['a text', 'text', 'ed25519'],
    ['nothing', undefined as never, 'ed25519'],
  ]
  it.each(wrong)('7 %s is refused', async (_, key, algorithm, more) => {
    const call = signMessage(request, { key, algorithm, components: [], ...more })
    await expect(call).rejects.toMatchObject({ name: 'CredentialError', code: 'credential_invalid' })
  })

  it('7 a key of Web Crypto for another purpose is refused', async () => {
    const make = (usages: KeyUsage[]) => crypto.subtle.generateKey('Ed25519', false, usages) as Promise<CryptoKeyPair>
    const { privateKey: own, publicKey: theirs } = await make(['sign', 'verify'])
    await signMessage(request, { key: own, algorithm: 'ed25519', components: [] })
    for (const [key, algorithm] of [
      [theirs, 'ed25519'],
      [own, 'ecdsa-p256-sha256'],
    ] as const)
      await expect(signMessage(request, { key, algorithm, components: [] })).rejects.toMatchObject({
        code: 'credential_invalid',
      })
  })
})

describe('7 what cannot be covered is refused, by name', () => {
  const cases: [string, Partial<RequestMessage>?][] = [
    ['x-absent'],
    ['@status'],
    ['@nonsense'],
    ['@signature-params'],
    ['constructor'],
    ['@constructor'],
    ['x-a;unknown'],
    ['x-a;key="a"'],
    ['x-a;bs;key="a"'],
    ['x-a;sf="yes"'],
    ['@method;sf'],
    ['@method;tr'],
    ['@method;name="a"'],
    ['@query-param'],
    ['@query-param;name=id'],
    ['@query-param;name="%zz"'],
    ['x-a;req'],
    ['x-a;tr'],
    [''],
    ['a b"'],
    ['x-ü'],
    ['x-word', { headers: { 'x-word': 'wörd' } }],
    ['x-line', { headers: { 'x-line': 'a\nb' } }],
    ['x-word;bs', { headers: { 'x-word': '日' } }],
    ['x-d;sf', { headers: { 'x-d': '(' } }],
    ['@path', { url: '/relative' }],
  ]
  it.each(cases)('%j', async (component, more) => {
    const call = signMessage(
      { ...request, ...more },
      { key: keys.ed25519, algorithm: 'ed25519', components: [component] },
    )
    await expect(call).rejects.toMatchObject({ name: 'SignatureError', code: 'component_unavailable' })
  })

  it('twice the same, whatever the order of its parameters', async () => {
    const headers = { 'x-d': 'a=1' }
    for (const components of [
      ['@method', '"@method"'],
      ['x-d;key="a";sf', 'x-d;sf;key="a"'],
    ])
      await expect(
        signMessage({ ...request, headers }, { key: keys.ed25519, algorithm: 'ed25519', components }),
      ).rejects.toMatchObject({ code: 'component_unavailable' })
  })

  it('bytes that are no ASCII are covered with `bs`, as they travel', async () => {
    const message = await signed(
      { components: ['@method', 'x-word;bs'] },
      { ...request, headers: new Headers({ 'x-word': 'wörd' }) as never },
    )
    expect((message.headers as Record<string, string>)['signature-input']).toContain('"x-word";bs')
  })

  it('options that are none', async () => {
    const sign = (more: object) =>
      signMessage(request, { key: keys.ed25519, algorithm: 'ed25519', components: [], ...more })
    for (const more of [
      { label: 'A' },
      { label: '' },
      { nonce: 'ü' },
      { tag: 'a\n' },
      { createdAt: Number.NaN },
      { algorithm: 'rsa' },
    ])
      await expect(sign(more)).rejects.toMatchObject({ code: 'invalid_option' })
    for (const more of [
      { components: undefined },
      { keys: undefined },
      { maxAge: 0 },
      { tolerance: -1 },
      { algorithms: ['rsa'] },
    ])
      expect(() => verifier(more as never)).toThrow(LatchkeyError)
    expect(() => verifier({ components: ['a"b'] })).toThrow(SignatureError)
  })
})

describe('12 what came in is garbage', () => {
  const bad: [string, (input: string, signature: string) => Record<string, string>, string][] = [
    ['no signature', () => ({ signature: '' }), 'signature_malformed'],
    ['no input', () => ({ 'signature-input': '' }), 'signature_missing'],
    ['another label', (_, signature) => ({ signature: signature.replace('sig=', 'gis=') }), 'signature_malformed'],
    ['an input that is cut', (input) => ({ 'signature-input': input.slice(0, 20) }), 'signature_malformed'],
    ['a signature that is cut', (_, signature) => ({ signature: signature.slice(0, -1) }), 'signature_malformed'],
    ['a signature that is too short', () => ({ signature: 'sig=:AA==:' }), 'signature_invalid'],
    ['a signature of no bytes', () => ({ signature: 'sig=::' }), 'signature_invalid'],
    ['a signature that is text', () => ({ signature: 'sig="abc"' }), 'signature_malformed'],
    ['a signature that is a list', () => ({ signature: 'sig=(:AA==:)' }), 'signature_malformed'],
    ['an input that is no list', () => ({ 'signature-input': 'sig="@method";keyid="k"' }), 'signature_malformed'],
    [
      'components that are no strings',
      (input) => ({ 'signature-input': input.replace('"@method"', 'method') }),
      'signature_malformed',
    ],
    [
      'created as text',
      (input) => ({ 'signature-input': input.replace(/created=\d+/, 'created="1"') }),
      'signature_malformed',
    ],
    [
      'created with decimals',
      (input) => ({ 'signature-input': input.replace(/created=(\d{9})/, 'created=$1.5') }),
      'signature_malformed',
    ],
    ['a key id that is a token', (input) => ({ 'signature-input': input.replace('"k"', 'k') }), 'signature_malformed'],
    ['a parameter nobody knows', (input) => ({ 'signature-input': `${input};unknown=1` }), 'signature_invalid'],
    [
      'the same component twice',
      (input) => ({ 'signature-input': input.replace('"@method"', '"@method" "@method"') }),
      'component_unavailable',
    ],
    [
      'a component nobody has',
      (input) => ({ 'signature-input': input.replace('"@method"', '"@method" "x-none"') }),
      'component_unavailable',
    ],
    [
      'a name in upper case',
      (input) => ({ 'signature-input': input.replace('"@method"', '"@method" "X-A"') }),
      'component_unavailable',
    ],
    [
      'a label twice, the last of which counts',
      (input) => ({ 'signature-input': `${input}, sig=();keyid="k";created=1` }),
      'signature_unacceptable',
    ],
    [
      'a signature twice, the last of which counts',
      (_, signature) => ({ signature: `${signature}, sig=:AA==:` }),
      'signature_invalid',
    ],
    ['100 kB', () => ({ 'signature-input': `sig=("@method")${';a'.repeat(50_000)}` }), 'signature_malformed'],
    [
      '1,000 components',
      () => ({ 'signature-input': `sig=(${'"x" '.repeat(1000)}"@method");keyid="k"` }),
      'signature_malformed',
    ],
  ]
  it.each(bad)('%s', async (_, change, code) => {
    expect(await codeOf(withFields(await signed(), change))).toBe(code)
  })

  it('a crowd of signatures costs ten lookups', async () => {
    let asked = 0
    const input = Array.from({ length: 500 }, (_, i) => `s${i}=("@method");created=${NOW / 1000}`).join(', ')
    const look = () => void asked++
    expect(
      await codeOf(
        withFields(request, () => ({ 'signature-input': input, signature: 's=:AA==:' })),
        { keys: look as never },
      ),
    ).toBe('key_unknown')
    expect(asked).toBe(10)
  })

  it('a megabyte of space is read once', async () => {
    const space = ' '.repeat(1_000_000)
    const headers = { 'x-a': `${space}a${space}b\r\n${space}c${space}` }
    const message = await signed({ components: ['@method', 'x-a'] }, { ...request, headers })
    expect(await codeOf(message)).toBe('sig')
    expect(
      await codeOf({ ...message, headers: { ...(message.headers as object), 'signature-input': `${space}sig` } }),
    ).toBe('signature_malformed')
  })

  it('any text in both fields is a typed error, or verifies', async () => {
    const message = await signed({ nonce: 'n', tag: 't' })
    const headers = message.headers as Record<string, string>
    const noise = fc.string({ unit: fc.constantFrom(...'abs19=:"(),;.@-%?* \\\n\tü'), maxLength: 30 })
    const mutated = (text: string) =>
      fc
        .tuple(fc.nat(text.length), fc.nat(6), noise)
        .map(([at, length, more]) => text.slice(0, at) + more + text.slice(at + length))
    const input = fc.oneof(noise, mutated(headers['signature-input'] ?? ''))
    const signature = fc.oneof(noise, mutated(headers.signature ?? ''), fc.constant(headers.signature ?? ''))
    await fc.assert(
      fc.asyncProperty(input, signature, async (one, two) => {
        const code = await codeOf({ ...message, headers: { ...headers, 'signature-input': one, signature: two } })
        // What verifies says what was signed.
        if (code === 'sig')
          expect(one.replace(/\s+/g, '')).toContain(
            (headers['signature-input'] ?? '').slice(4).replace(/\s+/g, '').slice(0, 30),
          )
      }),
      { numRuns: 2000 },
    )
  })

  it('what the functions of the user throw is not shown', async () => {
    const SECRET = 'canary-of-the-lookup'
    const fail = () => {
      throw new Error(SECRET)
    }
    const message = await signed({ nonce: 'n' })
    for (const more of [{ keys: fail }, { nonce: fail }]) {
      const error = await verifier(more)
        .verify(message, { now: NOW })
        .catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'invalid_option' })
      expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(SECRET)
    }
  })
})
