import { createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { type HmacOptions, hmac } from '../../src/hmac/hmac.ts'
import { Secret } from '../../src/secret.ts'
import { type Arrived, serve } from '../servers/raw.ts'
import { authenticated } from './attempt.ts'

const SECRET = 'canary-9f2c-not-to-be-shown'
const BINARY = Uint8Array.from({ length: 512 }, (_, i) => i & 255)

const scheme = {
  keyId: 'key-1',
  secret: SECRET,
  hash: 'sha256',
  encoding: 'hex',
  message: ({ timestamp, method, target, body }) => [timestamp, method, target, body],
  place: ({ keyId, timestamp, signature }) => ({
    headers: { 'X-Key': keyId, 'X-Timestamp': timestamp, 'X-Signature': signature },
  }),
} satisfies HmacOptions

/** 204 when the signature is that of the raw request, 403 otherwise. */
function verify({ method, target, headers, body }: Arrived) {
  const mac = createHmac('sha256', SECRET).update(`${headers['x-timestamp']}${method}${target}`).update(body)
  return { status: mac.digest('hex') === headers['x-signature'] ? 204 : 403 }
}

describe('what is signed', () => {
  const form = new FormData()
  form.set('name', 'ä\r\n"')
  form.set('file', new Blob([BINARY]), 'b"in')
  const bodies: Record<string, BodyInit> = {
    text: 'ä\u{1f511}\u0000',
    'text with a byte order mark': '\ufeff{"a":1}',
    empty: '',
    bytes: BINARY,
    'a view into a larger buffer': BINARY.subarray(3, 70),
    blob: new Blob([BINARY], { type: 'application/x-thing' }),
    form,
    parameters: new URLSearchParams({ a: 'b c', 'ü*': "~'()" }),
    'longer than what is hashed at once': 'x'.repeat(100_000),
  }
  for (const [name, body] of Object.entries(bodies))
    it(`4 signed bytes are sent bytes: ${name}`, async () => {
      const origin = await serve(verify)
      const request = await authenticated(hmac(scheme), { method: 'POST', url: `${origin}/a`, body })
      expect((await fetch(request)).status).toBe(204)
    })

  const urls = [
    '/', '', '/?', '?', '/?#a', '/#', '/a?b#c?d', '/a//b', '/a/../b/./c', '/%2e%2E/x', '/a%2Fb%2fc', '/a b', '/ä/\u{1f511}', '/a?x=ä',
    '/?a=b&a=a&b', '/?=', '/?&&', '/?a=%20+%2B', "/?q='\"<>`", '/a^b|c', '/?a^b|c', '/a;b,c:d@e!$&()*+=', '/%zz', '/?a=b?c/d', '/[x]{y}', '/\\a',
  ] // biome-ignore format: a list
  for (const path of urls)
    it(`4 the path signed is the path sent: ${JSON.stringify(path)}`, async () => {
      const seen: string[] = []
      const origin = await serve((arrived) => {
        seen.push(arrived.target)
        return verify(arrived)
      })
      const request = await authenticated(hmac(scheme), { url: origin + path })
      expect((await fetch(request)).status, seen[0]).toBe(204)
      // What some runtimes escape and others do not has left escaped.
      expect(seen[0]?.split('?')[0]).not.toMatch(/[\^|]/)
      expect(seen[0]).not.toMatch(/\?$/)
    })

  it('a flipped bit is refused: the server does verify', async () => {
    const origin = await serve(verify)
    const request = await authenticated(hmac(scheme), { method: 'POST', url: origin, body: 'abc' })
    expect((await fetch(request, { body: 'abd' })).status).toBe(403)
  })

  it('gives every fact of the final request', async () => {
    let facts: unknown
    const strategy = hmac({
      ...scheme,
      nonce: () => 'n',
      credentials: { passphrase: new Secret('p') },
      message({
        timestamp,
        now,
        nonce,
        keyId,
        credentials,
        method,
        scheme,
        host,
        path,
        query,
        target,
        headers,
        body,
        bodyText,
        url,
      }) {
        const { passphrase } = credentials
        facts = { timestamp, now, nonce, keyId, passphrase, method, scheme, host, path, query, target }
        Object.assign(facts as object, { a: headers.get('a'), body: [...body], bodyText, href: url.href })
        return ''
      },
    })
    await authenticated(strategy, {
      method: 'POST', url: 'https://API.example.com:8443/a%20b?c=d#e', headers: { A: 'b' }, body: 'é', now: 1_700_000_000_999,
    }) // biome-ignore format: short
    expect(facts).toEqual({
      timestamp: '1700000000', now: 1_700_000_000_999, nonce: 'n', keyId: 'key-1', passphrase: 'p', 
      method: 'POST', scheme: 'https', host: 'api.example.com:8443', path: '/a%20b', query: 'c=d', target: '/a%20b?c=d',
      a: 'b', body: [0xc3, 0xa9], bodyText: 'é', href: 'https://api.example.com:8443/a%20b?c=d#e',
    }) // biome-ignore format: short
  })

  it('4 a byte order mark of the text is signed as it is sent', async () => {
    const strategy = hmac({ ...scheme, message: ({ bodyText }) => bodyText })
    const request = await authenticated(strategy, { method: 'POST', url: 'https://a.example', body: '\ufeff{}' })
    const sent = Buffer.from(await request.clone().arrayBuffer())
    expect(request.headers.get('x-signature')).toBe(createHmac('sha256', SECRET).update(sent).digest('hex'))
  })

  it('what `prepare` writes is covered, in headers, query and form', async () => {
    let signed = ''
    const strategy = hmac({
      ...scheme,
      prepare: ({ timestamp }) => ({
        headers: { 'X-T': timestamp },
        query: { t: timestamp },
        form: { 'f g': timestamp },
      }),
      message: ({ query, bodyText, headers }) => {
        signed = `${headers.get('x-t')} ${query} ${bodyText}`
        return signed
      },
      place: ({ signature }) => ({ query: { 'sig+': signature }, form: { sig: signature } }),
    })
    expect(strategy.places).toEqual(['header:x-t', 'query:t', 'form:f g', 'query:sig+', 'form:sig'])
    const body = new URLSearchParams({ a: 'b c' })
    const request = await authenticated(strategy, { method: 'POST', url: 'https://a.example/?x=%20', body, now: 5000 })
    const mac = createHmac('sha256', SECRET).update('5 x=%20&t=5 a=b+c&f%20g=5').digest('hex')
    expect(signed).toBe('5 x=%20&t=5 a=b+c&f%20g=5')
    expect(request.url).toBe(`https://a.example/?x=%20&t=5&sig%2B=${mac}`)
    expect(await request.text()).toBe(`a=b+c&f%20g=5&sig=${mac}`)
  })

  it('a form keeps its bytes, whatever they are', async () => {
    const strategy = hmac({ ...scheme, place: () => ({ form: { a: 'é' } }) })
    const body = Uint8Array.from([0xef, 0xbb, 0xbf, 0x78, 0x3d, 0xe9])
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const request = await authenticated(strategy, { method: 'POST', url: 'https://a.example', headers, body })
    expect([...new Uint8Array(await request.arrayBuffer())]).toEqual([...body, ...Buffer.from('&a=%C3%A9')])
  })

  it('a form is begun where there is no content', async () => {
    const strategy = hmac({ ...scheme, place: ({ signature }) => ({ form: { signature } }) })
    const origin = await serve(({ headers, body }) => ({ body: `${headers['content-type']} ${body.length}` }))
    const request = await authenticated(strategy, { method: 'POST', url: origin })
    expect(await (await fetch(request)).text()).toBe('application/x-www-form-urlencoded 74')
  })
})

describe('the key', () => {
  const sent = { url: 'https://a.example/', now: 0 }
  const signatureOf = async (options: Partial<HmacOptions>) =>
    (await authenticated(hmac({ ...scheme, message: () => 'm', ...options }), sent)).headers.get('x-signature')

  it('is read as UTF-8, base64 or hexadecimal', async () => {
    const expected = createHmac('sha256', Buffer.from([250, 1, 2]))
      .update('m')
      .digest('hex')
    expect(await signatureOf({ secret: '+gEC', secretEncoding: 'base64' })).toBe(expected)
    expect(await signatureOf({ secret: 'fa0102', secretEncoding: 'hex' })).toBe(expected)
    expect(await signatureOf({ secret: 'é' })).toBe(createHmac('sha256', 'é').update('m').digest('hex'))
  })

  for (const hash of ['sha1', 'sha256', 'sha384', 'sha512'] as const)
    it(`keys ${hash}, written in hex, base64 and base64url`, async () => {
      const mac = createHmac(hash, SECRET).update('m').digest()
      expect(await signatureOf({ hash })).toBe(mac.toString('hex'))
      expect(await signatureOf({ hash, encoding: 'base64' })).toBe(mac.toString('base64'))
      expect(await signatureOf({ hash, encoding: 'base64url' })).toBe(mac.toString('base64url'))
    })

  it('may come late, wrapped, and another for each attempt', async () => {
    let turn = 0
    const strategy = hmac({ ...scheme, message: () => 'm', secret: async () => new Secret(`s${++turn % 2}`) })
    for (const secret of ['s1', 's0', 's1'])
      expect((await authenticated(strategy, sent)).headers.get('x-signature')).toBe(
        createHmac('sha256', secret).update('m').digest('hex'),
      )
  })

  it('may be derived', async () => {
    const strategy = hmac({
      ...scheme,
      key: async (secret, { timestamp }) => new Uint8Array(createHmac('sha256', secret).update(timestamp).digest()),
      place: async ({ signature, mac }) => ({
        headers: { a: signature, b: Buffer.from(await mac('x')).toString('hex') },
      }),
      places: ['header:a', 'header:b'],
    })
    const { headers } = await authenticated(strategy, sent)
    const key = createHmac('sha256', SECRET).update('0').digest()
    expect(headers.get('a')).toBe(createHmac('sha256', key).update('0GET/').digest('hex'))
    expect(headers.get('b')).toBe(createHmac('sha256', key).update('x').digest('hex'))
  })

  it('that is derived is kept while secret and scope are the same, and not when it failed', async () => {
    const derived: string[] = []
    let given = SECRET
    let failing = false
    const strategy = hmac({
      ...scheme,
      secret: () => given,
      message: () => 'm',
      key: async (secret, { timestamp }) => {
        if (failing) throw new Error('no key')
        derived.push(`${new TextDecoder().decode(secret)} ${timestamp}`)
        return new Uint8Array(createHmac('sha256', secret).update(timestamp).digest())
      },
      keyScope: ({ timestamp }) => timestamp,
    })
    const check = async (now: number) => {
      const { headers } = await authenticated(strategy, { url: 'https://a.example', now })
      const key = createHmac('sha256', given)
        .update(`${now / 1000}`)
        .digest()
      expect(headers.get('x-signature')).toBe(createHmac('sha256', key).update('m').digest('hex'))
    }
    await Promise.all([check(1000), check(1000), check(1000)])
    await check(2000)
    given = 'other'
    await check(2000)
    expect(derived).toEqual([`${SECRET} 1`, `${SECRET} 2`, 'other 2'])
    failing = true
    await expect(check(3000)).rejects.toMatchObject({ code: 'invalid_option' })
    failing = false
    await check(3000)
  })

  it('the timestamp is read after a slow credential, not before', async () => {
    let now = 1000
    const slow = async () => {
      now = 9000
      return SECRET
    }
    const request = await authenticated(hmac({ ...scheme, secret: slow }), { url: 'https://a.example', now: () => now })
    expect(request.headers.get('x-timestamp')).toBe('9')
  })
})

describe('timestamp and nonce', () => {
  it.each([
    ['s', '1700000000'],
    ['ms', '1700000000999'],
    ['iso', '2023-11-14T22:13:20.999Z'],
    ['rfc1123', 'Tue, 14 Nov 2023 22:13:20 GMT'],
  ] as const)('writes %s', async (timestamp, expected) => {
    const request = await authenticated(hmac({ ...scheme, timestamp }), {
      url: 'https://a.example',
      now: 1_700_000_000_999,
    })
    expect(request.headers.get('x-timestamp')).toBe(expected)
  })

  const nonces = (nonce: HmacOptions['nonce'] & {}, times: number[]) => {
    const strategy = hmac({ ...scheme, nonce, place: (facts) => ({ headers: { n: facts.nonce } }) })
    return Promise.all(
      times.map(
        async (now) => (await authenticated(strategy, { url: 'https://a.example', now })).headers.get('n') as string,
      ),
    )
  }

  it.each(['increasing-ms', 'increasing-us'] as const)(
    '6 %s counts up under 1,000 parallel calls and a clock that jumps back',
    async (kind) => {
      const times = Array.from({ length: 1000 }, (_, i) => 1_700_000_000_000 - 60_000 * Math.floor(i / 100))
      const drawn = (await nonces(kind, times)).map(Number)
      for (let i = 1; i < drawn.length; i++) expect(drawn[i]).toBeGreaterThan(drawn[i - 1] as number)
      expect(drawn.every(Number.isSafeInteger)).toBe(true)
    },
  )

  it.each([
    ['uuid', /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/],
    ['hex', /^[\da-f]{32}$/],
    ['base64url', /^[\w-]{22}$/],
  ] as const)('6 %s never repeats', async (kind, form) => {
    const drawn = await nonces(kind, Array(1000).fill(0))
    expect(new Set(drawn).size).toBe(1000)
    expect(drawn.every((nonce) => form.test(nonce))).toBe(true)
  })

  it('3 every attempt is signed anew', async () => {
    const seen: string[] = []
    const origin = await serve((arrived) => {
      seen.push(String(arrived.headers['x-nonce']))
      const { status } = verify({
        ...arrived,
        headers: {
          ...arrived.headers,
          'x-timestamp': `${arrived.headers['x-timestamp']}${arrived.headers['x-nonce']}`,
        },
      })
      return { status: status === 204 && seen.length < 3 ? 503 : status }
    })
    const auth = hmac({
      ...scheme,
      nonce: 'uuid',
      message: ({ timestamp, nonce, method, target, bodyText }) => `${timestamp}${nonce}${method}${target}${bodyText}`,
      place: ({ nonce, timestamp, signature }) => ({
        headers: { 'x-nonce': nonce, 'x-timestamp': timestamp, 'x-signature': signature },
      }),
    })
    const response = await createFetch({ baseUrl: origin, auth, retry: { limit: 2, delay: () => 1 } })('/a?b')
    expect(response.status).toBe(204)
    expect(new Set(seen).size).toBe(3)
  })

  it('3 a redirect on the same origin is signed for where it leads', async () => {
    const origin = await serve((arrived) => {
      const { status } = verify(arrived)
      return status === 204 && arrived.target === '/from'
        ? { status: 307, headers: { location: '/to?x=1' } }
        : { status, body: '' }
    })
    const response = await createFetch({ baseUrl: origin, auth: hmac(scheme) })('/from', {
      method: 'POST',
      body: 'content',
    })
    expect(response.status).toBe(204)
  })
})

describe('what cannot work is refused with a typed error', () => {
  it.each<[string, object, string]>([
    ['an empty secret', { secret: '' }, 'credential_invalid'],
    ['a Secret that is empty', { secret: new Secret('') }, 'credential_invalid'],
    ['a secret that is no base64', { secret: `${SECRET}!`, secretEncoding: 'base64' }, 'credential_invalid'],
    ['a secret that is no hexadecimal', { secret: SECRET, secretEncoding: 'hex' }, 'credential_invalid'],
    ['a secret that is no text', { secret: 7 }, 'credential_invalid'],
    ['an empty keyId', { keyId: '' }, 'credential_invalid'],
    ['an empty credential', { credentials: { passphrase: '' } }, 'credential_invalid'],
    ['a credential that is not there', { credentials: { passphrase: undefined } }, 'credential_invalid'],
    ['a keyId that is not there', { keyId: undefined }, 'credential_invalid'],
    ['an unknown hash', { hash: 'md5' }, 'invalid_option'],
    ['a hash that is a function', { hash: () => 'sha256' }, 'invalid_option'],
    ['an unknown encoding', { encoding: 'binary' }, 'invalid_option'],
    ['an inherited name as hash', { hash: 'toString' }, 'invalid_option'],
    ['an unknown encoding of the secret', { secretEncoding: 'latin1' }, 'invalid_option'],
    ['an unknown timestamp', { timestamp: 'unix' }, 'invalid_option'],
    ['an unknown nonce', { nonce: 'random' }, 'invalid_option'],
    ['no message', { message: undefined }, 'invalid_option'],
    ['no place', { place: undefined }, 'invalid_option'],
    [
      'a place that cannot be tried',
      { place: ({ signature }: { signature: string }) => Promise.resolve({ headers: { a: signature } }) },
      'invalid_option',
    ],
    [
      'a place that throws',
      {
        place: () => {
          throw new Error(SECRET)
        },
      },
      'invalid_option',
    ],
    ['a name that is no header', { place: () => ({ headers: { 'a b': '1' } }) }, 'invalid_option'],
    ['places in capitals', { places: ['header:X-A'] }, 'invalid_option'],
    ['places of no kind', { places: ['x-a'] }, 'invalid_option'],
    ['a form whose content is not needed', { place: () => ({ form: { a: '1' } }), needsBody: false }, 'invalid_option'],
  ])('at creation: %s', (_, options, code) => {
    // biome-ignore format: a table
    let error: unknown
    try {
      hmac({ ...scheme, ...options } as HmacOptions)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code })
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(SECRET)
  })

  it.each<[string, object, string, object?]>([
    ['a function that gives an empty secret', { secret: () => '' }, 'credential_invalid'],
    ['a function that gives no base64', { secret: () => `${SECRET}!`, secretEncoding: 'base64' }, 'credential_invalid'],
    [
      'a function that fails',
      {
        secret: () => {
          throw new Error(SECRET)
        },
      },
      'credential_unavailable',
    ],
    ['a header that is no ASCII', { keyId: () => `ключ${SECRET}` }, 'credential_invalid'],
    ['a header with a line break', { keyId: () => `a\r\nX-B: ${SECRET}` }, 'credential_invalid'],
    [
      'a message that throws',
      {
        message: () => {
          throw new Error(SECRET)
        },
      },
      'invalid_option',
    ],
    ['a message that is none', { message: () => undefined }, 'invalid_option'],
    ['a key that is none', { key: () => 'text' }, 'invalid_option'],
    ['a place that was not declared', { places: ['header:x-key'] }, 'invalid_option'],
    ['a place that gives nothing', { places: ['header:x-key'], place: () => undefined }, 'invalid_option'],
    ['content that is read but not needed', { needsBody: false }, 'invalid_option'],
    [
      'text that is none',
      { message: ({ bodyText }: { bodyText: string }) => bodyText },
      'invalid_option',
      { method: 'POST', body: BINARY },
    ],
    [
      'a parameter that is there already',
      { place: () => ({ query: { 'a b': '1' } }) },
      'invalid_option',
      { url: 'https://a.example/?a+b=2' },
    ],
    [
      'a form field that is there already',
      { place: () => ({ form: { a: '1' } }) },
      'invalid_option',
      { method: 'POST', body: new URLSearchParams('a') },
    ],
    ['a form in a GET', { place: () => ({ form: { a: '1' } }) }, 'invalid_option'],
    [
      'a form in other content',
      { place: () => ({ form: { a: '1' } }) },
      'invalid_option',
      { method: 'POST', body: '{}' },
    ],
  ])('before it is sent: %s', async (_, options, code, sent = {}) => {
    // biome-ignore format: a table
    const strategy = hmac({ ...scheme, ...options } as HmacOptions)
    const error = await authenticated(strategy, { url: 'https://a.example/', ...sent }).catch((thrown) => thrown)
    expect(error).toMatchObject({ code })
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(SECRET)
  })

  it('7 a header that the runtime drops silently', async () => {
    const strategy = hmac({ ...scheme, place: ({ signature }) => ({ headers: { Date: signature } }) })
    const headers = { set() {}, has: () => false, get: () => null }
    const attempt = { url: new URL('https://a.example'), body: new Uint8Array(), now: () => 0, explain() {} }
    const sent = Promise.resolve(strategy.authenticate({ method: 'GET', headers } as never, attempt as never))
    await expect(sent).rejects.toMatchObject({ code: 'runtime_unsupported' })
  })

  it('draws nothing random at creation', () => {
    let drawn = 0
    hmac({ ...scheme, nonce: () => String(++drawn) })
    expect(drawn).toBe(0)
  })

  it('9 the strategy shows no secret', () => {
    const strategy = hmac({ ...scheme, credentials: { passphrase: SECRET } })
    expect(inspect(strategy, { showHidden: true, depth: 9 }) + JSON.stringify(strategy)).not.toContain(SECRET)
  })
})

it('a stream leaves unread where the scheme does not cover the content', async () => {
  const origin = await serve(({ headers, body }) => ({ body: `${headers['x-signature'] !== undefined} ${body}` }))
  const auth = hmac({ ...scheme, needsBody: false, message: ({ method, target }) => method + target })
  const body = new Blob(['streamed']).stream()
  const response = await createFetch({ baseUrl: origin, auth })('/', { method: 'POST', body })
  expect(await response.text()).toBe('true streamed')
})
