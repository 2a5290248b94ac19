import { createHash, createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { presign, sigv4, sigv4a } from '../../src/aws/aws.ts'
import { createFetch } from '../../src/fetch.ts'
import { Secret } from '../../src/secret.ts'
import { attempted, authenticated } from '../hmac/attempt.ts'
import { type Arrived, serve } from '../servers/raw.ts'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
const options = { service: 'execute-api', region: 'eu-central-1', credentials }
const url = 'https://api.example.com/prod/users?x=1'
const now = Date.parse('2026-03-01T23:59:59Z')
const authorization = (request: Request) => request.headers.get('authorization') ?? ''

/** The server's side of a service other than S3, written from the documentation alone: over the raw target it received. */
function accepts({ method, target, headers, body }: Arrived, secret = credentials.secretAccessKey): boolean {
  const [, day = '', region = '', service = '', names = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\d+)\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=(\S+), Signature=(\w+)$/.exec(
      String(headers.authorization),
    ) ?? []
  const encode = (bytes: Buffer | string) =>
    Array.from(Buffer.from(bytes), (byte) =>
      /[\w.~-]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    ).join('')
  const [path = '', query = ''] = target.split(/\?(.*)/s)
  const folded = path.replace(/\/{2,}/g, '/')
  const decode = (text: string) => {
    const bytes = text
      .replaceAll('+', ' ')
      .replace(/%([\da-f]{2})/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
    return Buffer.from(bytes, 'latin1')
  }
  const pairs = query
    .split('&')
    .filter(Boolean)
    .map((pair) => {
      const [name = '', value = ''] = pair.split(/=(.*)/s)
      return [encode(decode(name)), encode(decode(value))]
    })
  pairs.sort(([a = '', x = ''], [b = '', y = '']) => (a < b || (a === b && x < y) ? -1 : 1))
  const request = [
    method,
    folded.split('/').map(encode).join('/'),
    pairs.map((pair) => pair.join('=')).join('&'),
    ...names.split(';').map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}`),
    '',
    names,
    createHash('sha256').update(body).digest('hex'),
  ].join('\n')
  const text = `AWS4-HMAC-SHA256\n${headers['x-amz-date']}\n${day}/${region}/${service}/aws4_request\n${createHash('sha256').update(request).digest('hex')}`
  const key = [day, region, service, 'aws4_request'].reduce<Buffer | string>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    `AWS4${secret}`,
  )
  return createHmac('sha256', key).update(text).digest('hex') === signature
}

describe('over the wire', () => {
  const judge = () => serve((arrived) => ({ status: accepts(arrived) ? 200 : 403 }))

  it('the judge refuses another secret and a changed target', async () => {
    const origin = await judge()
    const wrong = sigv4({ ...options, credentials: { ...credentials, secretAccessKey: 'other' } })
    expect((await createFetch({ baseUrl: origin, auth: wrong })('/')).status).toBe(403)
    const request = await authenticated(sigv4(options), { url: `${origin}/a` })
    expect((await fetch(request.clone())).status).toBe(200)
    expect((await fetch(`${origin}/b`, { headers: request.headers })).status).toBe(403)
  })

  it.each([
    '/',
    '/a b',
    '/a%20b',
    '/%7Euser',
    '/ü',
    '/%C3%BC',
    "/odd'()*!",
    '/a//b',
    '/a/./b/../c',
    '/^|"<>`{}',
    '/?',
    '/?q=',
    '/?q',
    '/?a=b&a=c',
    '/?a=c&a=b',
    '/?a-b=1&a=2',
    '/?q=a+b',
    '/?q=%2B',
    "/?q='()*",
    '/?q=ü',
    '/?q=^|',
    '/?a[]=1',
    '/?q=a=b',
    '/?&&q=1',
    '/?q=100%25',
    '/?q=%zz',
    '/100%',
    '/?B=1&a=2',
    '/a%2Fb',
    '/arn:aws:x/y',
    '/😀?😀=😀',
  ])('4 what is signed is what arrives: %s', async (target) => {
    const send = createFetch({ baseUrl: await judge(), auth: sigv4(options) })
    expect((await send(target)).status).toBe(200)
    expect((await send(target, { method: 'POST', body: 'bück' })).status).toBe(200)
  })

  it('3 a redirect of the same origin and a retry are signed anew', async () => {
    let failures = 1
    const origin = await serve((arrived) => {
      if (!accepts(arrived)) return { status: 403 }
      if (failures-- > 0) return { status: 503 }
      return arrived.target === '/from' ? { status: 307, headers: { location: '/to?b=%20' } } : { status: 200 }
    })
    const send = createFetch({ baseUrl: origin, auth: sigv4(options), retry: { methods: ['post'], delay: () => 1 } })
    expect((await send('/from', { method: 'POST', body: 'content' })).status).toBe(200)
  })

  it('1 another origin gets nothing', async () => {
    const other = await serve(() => ({ status: 200 }))
    const send = createFetch({ baseUrl: await judge(), auth: sigv4(options) })
    await expect(send(`${other}/`)).rejects.toMatchObject({ code: 'origin_not_allowed' })
  })
})

describe('credentials', () => {
  it('may be text, a Secret, a function, or one function for all, asked for each signature', async () => {
    const expected = authorization(await authenticated(sigv4(options), { url, now }))
    for (const given of [
      { accessKeyId: new Secret(credentials.accessKeyId), secretAccessKey: new Secret(credentials.secretAccessKey) },
      {
        accessKeyId: () => credentials.accessKeyId,
        secretAccessKey: async () => new Secret(credentials.secretAccessKey),
      },
      () => credentials,
      async () => ({ ...credentials, sessionToken: undefined, expiration: new Date() }),
    ])
      expect(authorization(await authenticated(sigv4({ ...options, credentials: given }), { url, now }))).toBe(expected)
  })

  it('rotate: each signature uses what is given then, and the session token that belongs to it', async () => {
    const keys = [credentials, { accessKeyId: 'B', secretAccessKey: 'b', sessionToken: 'tb' }, credentials]
    const provider = vi.fn(async () => keys[provider.mock.calls.length - 1] as typeof credentials)
    const auth = sigv4({ ...options, credentials: provider })
    const sent = []
    for (const _ of keys) sent.push(await authenticated(auth, { url, now }))
    expect(provider).toHaveBeenCalledTimes(3)
    expect(sent.map((request) => request.headers.get('x-amz-security-token'))).toEqual([null, 'tb', null])
    expect(authorization(sent[2] as Request)).toBe(authorization(sent[0] as Request))
    expect(authorization(sent[1] as Request)).toContain('Credential=B/20260301/')
  })

  it('1,000 signatures at once with two keys by turns do not mix', async () => {
    const [a, b] = [credentials, { accessKeyId: 'B', secretAccessKey: 'b' }]
    let turn = 0
    const provider = async () => {
      const given = turn++ % 2 ? a : b
      await new Promise((resolve) => setTimeout(resolve, turn % 3))
      return given
    }
    const auth = sigv4({ ...options, credentials: provider })
    const sent = await Promise.all(Array.from({ length: 1000 }, () => authenticated(auth, { url, now })))
    const alone = await Promise.all(
      [a, b].map((key) => authenticated(sigv4({ ...options, credentials: key }), { url, now })),
    )
    expect(new Set(sent.map(authorization))).toEqual(new Set(alone.map(authorization)))
  })

  it('the key follows the day', async () => {
    const auth = sigv4(options)
    const times = [now, now + 1000, now, Date.parse('2030-12-31T00:00:00Z')]
    for (const at of times) {
      const kept = await authenticated(auth, { url, now: at })
      expect(authorization(kept)).toBe(authorization(await authenticated(sigv4(options), { url, now: at })))
    }
  })

  it('9 no error, and nothing that can be seen of the strategy, holds a secret', async () => {
    const canary = 'Zq7sentinelX9vK3pW'
    const seen: unknown[] = []
    const failing = [
      () => {
        throw new Error(canary)
      },
      async () => {
        throw new Error(canary)
      },
      () => undefined,
      () => canary,
      () => ({ accessKeyId: `${canary}\n`, secretAccessKey: canary }),
      () => ({ accessKeyId: 'A', secretAccessKey: '' }),
      () => ({
        accessKeyId: 'A',
        secretAccessKey: () => {
          throw new Error(canary)
        },
      }),
      () => ({ accessKeyId: 'A', secretAccessKey: canary, sessionToken: `${canary}é` }),
    ]
    for (const provider of failing) {
      const auth = sigv4({ ...options, credentials: provider as never })
      const error = await authenticated(auth, { url }).catch((error: unknown) => error)
      expect(error).toMatchObject({ code: expect.stringMatching(/^credential_/) })
      seen.push(error, auth)
    }
    const good = sigv4({ ...options, credentials: { accessKeyId: 'A', secretAccessKey: canary, sessionToken: canary } })
    const { request, explained } = await attempted(good, { url })
    expect(request.headers.get('x-amz-security-token')).toBe(canary)
    seen.push(good, await explained())
    expect(inspect(seen, { depth: 9, showHidden: true })).not.toContain(canary)
    for (const error of seen) expect(String((error as Error).stack)).not.toContain(canary)
  })
})

describe('what is refused', () => {
  it.each([
    [{ region: '' }, 'region'],
    [{ region: undefined }, 'region'],
    [{ region: 'eu/central' }, 'region'],
    [{ service: 'a b' }, 'service'],
    [{ signedHeaders: ['Host'] }, 'signedHeaders'],
    [{ signedHeaders: ['a b'] }, 'signedHeaders'],
    [{ signedHeaders: ['user agent'] }, 'signedHeaders'],
  ])('7 at creation: %o', (change, word) => {
    expect(() => sigv4({ ...options, ...change } as never)).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(word) }),
    )
  })

  it.each([
    [null],
    [{}],
    [{ accessKeyId: 'A' }],
    [{ accessKeyId: '', secretAccessKey: 's' }],
    [{ ...credentials, sessionToken: '' }],
    [{ ...credentials, sessionToken: 'a\n' }],
  ])('7 credentials at creation: %o', (given) => {
    expect(() => sigv4({ ...options, credentials: given as never })).toThrow(
      expect.objectContaining({ code: 'credential_invalid' }),
    )
    expect(() => sigv4a({ service: 's3', regionSet: '*', credentials: given as never })).toThrow(
      expect.objectContaining({ code: 'credential_invalid' }),
    )
  })

  it('7 a signed header that is not ASCII, named without its value', async () => {
    const failure = authenticated(sigv4(options), { url, headers: { 'x-amz-meta-name': 'é-value' } })
    await expect(failure).rejects.toMatchObject({
      code: 'invalid_option',
      message: expect.stringContaining('x-amz-meta-name'),
    })
    await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining('é-value') })
  })

  it('7 a stream that would have to be signed, before anything is sent', async () => {
    const origin = await serve(() => ({ status: 200 }))
    const send = createFetch({ baseUrl: origin, auth: sigv4(options) })
    const body = new Blob(['x']).stream()
    await expect(send('/', { method: 'POST', body, duplex: 'half' } as RequestInit)).rejects.toMatchObject({
      code: 'body_not_replayable',
    })
  })

  it.each([0, 999, 604_801_000, Number.NaN, -1])('7 a URL good for %d ms', async (expiresIn) => {
    await expect(presign(url, { ...options, expiresIn })).rejects.toMatchObject({ code: 'invalid_option' })
  })

  it('7 a relative URL to presign', async () => {
    await expect(presign('/a', options)).rejects.toMatchObject({ code: 'invalid_option' })
  })
})

describe('headers', () => {
  const names = (request: Request) => /SignedHeaders=([^,]+)/.exec(authorization(request))?.[1]

  it('what others on the way may change is not signed, unless named', async () => {
    const headers = {
      'user-agent': 'me',
      accept: '*/*',
      range: 'bytes=0-1',
      'x-other': '1',
      'x-amz-meta-a': '  a   b ',
    }
    expect(names(await authenticated(sigv4(options), { url, headers }))).toBe('host;x-amz-date;x-amz-meta-a')
    const more = sigv4({ ...options, signedHeaders: ['Range', 'x-other', 'x-absent'] })
    expect(names(await authenticated(more, { url, headers }))).toBe('host;range;x-amz-date;x-amz-meta-a;x-other')
  })

  it('the hash of the content goes where it is asked for', async () => {
    const has = async (change: object) =>
      (await authenticated(sigv4({ ...options, ...change }), { url })).headers.has('x-amz-content-sha256')
    expect(await has({})).toBe(false)
    expect(await has({ contentSha256: true })).toBe(true)
    for (const service of ['s3', 's3express', 'aoss', 'glacier']) expect(await has({ service })).toBe(true)
    expect(sigv4(options).places).not.toContain('header:x-amz-content-sha256')
  })

  it('what is written is what was announced', async () => {
    for (const auth of [
      sigv4({ ...options, service: 's3', credentials: { ...credentials, sessionToken: 't' } }),
      sigv4a({ service: 's3', regionSet: '*', credentials: { ...credentials, sessionToken: 't' } }),
    ]) {
      const request = await authenticated(auth, { url })
      expect([...request.headers.keys()].map((name) => `header:${name}`).sort()).toEqual([...auth.places].sort())
    }
  })
})

describe('8 explain', () => {
  it('rebuilds what was signed, without the session token', async () => {
    const auth = sigv4({ ...options, credentials: { ...credentials, sessionToken: 'token-secret' } })
    const { request, explained } = await attempted(auth, { method: 'POST', url, body: 'content', now })
    const { canonicalRequest = '', stringToSign } = await explained()
    expect(canonicalRequest.split('\n').slice(0, 3)).toEqual(['POST', '/prod/users', 'x=1'])
    expect(canonicalRequest).toContain('x-amz-security-token:<redacted>\n')
    expect(canonicalRequest).not.toContain('token-secret')
    const whole = canonicalRequest.replace('<redacted>', 'token-secret')
    expect(stringToSign.split('\n').at(-1)).toBe(createHash('sha256').update(whole).digest('hex'))
    const signature = ['20260301', options.region, options.service, 'aws4_request', stringToSign].reduce<
      Buffer | string
    >((key, part) => createHmac('sha256', key).update(part).digest(), `AWS4${credentials.secretAccessKey}`)
    expect(authorization(request)).toContain(`Signature=${(signature as Buffer).toString('hex')}`)
  })

  it('shows the lines that differ from what AWS says it expected, in JSON and in XML', async () => {
    const auth = sigv4({ ...options, credentials: { ...credentials, sessionToken: 'token-secret' } })
    const { explained } = await attempted(auth, { url, now })
    const { canonicalRequest = '', stringToSign } = await explained()
    expect((await explained('{"message":"Forbidden"}')).difference).toBeUndefined()
    const theirs = canonicalRequest.replace('x=1', 'x=1&y=%3C2').replace('<redacted>', 'token-secret')
    const message = `The request signature we calculated does not match.\n\nThe Canonical String for this request should have been\n'${theirs}'\n\nThe String-to-Sign should have been\n'${stringToSign}'\n`
    const difference = '- x=1\n+ x=1&y=%3C2'
    expect((await explained(JSON.stringify({ message }))).difference).toBe(difference)
    const xml = (text: string) => text.replaceAll('&', '&amp;').replaceAll("'", '&#39;')
    expect((await explained(`<ErrorResponse><Message>${xml(message)}</Message></ErrorResponse>`)).difference).toBe(
      difference,
    )
    const s3 = `<Error><StringToSign>${stringToSign}</StringToSign><CanonicalRequest>${xml(theirs)}</CanonicalRequest></Error>`
    expect((await explained(s3)).difference).toBe(difference)
    expect((await explained(s3.replace('&amp;y=%3C2', ''))).difference).toBe('')
    expect(JSON.stringify(await explained(s3))).not.toContain('token-secret')
  })
})
