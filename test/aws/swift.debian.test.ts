import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { presign, sigv4 } from '../../src/aws/aws.ts'
import { createFetch, explain } from '../../src/fetch.ts'
import { authenticated } from '../hmac/attempt.ts'
import { startSwift } from '../servers/swift.ts'

const service = 's3'
const region = 'us-east-1'
const credentials = { accessKeyId: 'test:tester', secretAccessKey: 'testing' }
const options = { service, region, credentials }
let swift: { origin: string; stop(): void }
let bucket: string

beforeAll(async () => {
  swift = await startSwift()
  bucket = `${swift.origin}/latchkey`
  // Its back ends may need a moment longer than its face.
  for (let tries = 0; ; tries++) {
    const { status } = await s3()(bucket, { method: 'PUT' })
    if (status === 200) return
    if (tries > 50) throw new Error(`no bucket: ${status}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
})
afterAll(() => swift.stop())

const s3 = (change: object = {}) =>
  createFetch({ baseUrl: swift.origin, auth: sigv4({ ...options, ...change }), retry: 0 })
const codeOf = async (response: Response) => [response.status, /<Code>(\w+)/.exec(await response.text())?.[1]]
const flipped = (text: string) => text.replace(/.$/, (last) => (last === '0' ? '1' : '0'))

describe('the judge', () => {
  it('refuses a flipped signature, another secret, an unknown key and no signature', async () => {
    const request = await authenticated(sigv4(options), { url: bucket })
    const good = request.headers.get('authorization') ?? ''
    expect((await fetch(request.clone())).status).toBe(200)
    request.headers.set('authorization', flipped(good))
    expect(await codeOf(await fetch(request))).toEqual([403, 'SignatureDoesNotMatch'])
    expect(await codeOf(await s3({ credentials: { ...credentials, secretAccessKey: 'other' } })(bucket))).toEqual([
      403,
      'SignatureDoesNotMatch',
    ])
    expect(await codeOf(await s3({ credentials: { ...credentials, accessKeyId: 'nobody:here' } })(bucket))).toEqual([
      403,
      'SignatureDoesNotMatch',
    ])
    expect((await fetch(bucket)).status).toBeGreaterThanOrEqual(400)
  })

  it('refuses another region, an old date, changed content and a changed query', async () => {
    expect((await s3({ region: 'eu-central-1' })(bucket)).status).toBe(400)
    const late = await authenticated(sigv4(options), { url: bucket, now: Date.now() - 3_600_000 })
    expect(await codeOf(await fetch(late))).toEqual([403, 'RequestTimeTooSkewed'])
    const put = await authenticated(sigv4(options), { method: 'PUT', url: `${bucket}/changed`, body: 'content' })
    expect((await fetch(put, { body: 'c0ntent' })).status).toBe(400)
    const list = await authenticated(sigv4(options), { url: `${bucket}?prefix=a` })
    expect(await codeOf(await fetch(`${bucket}?prefix=b`, { headers: list.headers }))).toEqual([
      403,
      'SignatureDoesNotMatch',
    ])
  })
})

const form = () => {
  const data = new FormData()
  data.set('text', 'ünïcode')
  data.set('file', new Blob([Uint8Array.from({ length: 300 }, (_, i) => i & 255)]), 'a.bin')
  return data
}
const contents: Record<string, () => BodyInit> = {
  string: () => 'bück',
  bytes: () => Uint8Array.from([0, 255, 10, 13]),
  'long bytes': () => new Uint8Array(100_000).fill(7),
  Blob: () => new Blob(['blob'], { type: 'x/y' }),
  FormData: form,
  URLSearchParams: () => new URLSearchParams({ a: 'b c', ü: '+&' }),
}

describe('4 signed bytes are sent bytes', () => {
  it.each(Object.keys(contents))('content: %s', async (kind) => {
    const make = contents[kind] as () => BodyInit
    const body = make()
    expect(await codeOf(await s3()(`${bucket}/content`, { method: 'PUT', body }))).toEqual([200, undefined])
    const kept = new Uint8Array(await (await s3()(`${bucket}/content`)).arrayBuffer())
    if (kind !== 'FormData') expect(kept).toEqual(new Uint8Array(await new Response(make()).arrayBuffer()))
    else expect(kept.length).toBeGreaterThan(300)
  })

  // What is written in the URL, and the key it must name.
  it.each([
    ['plain', 'plain'],
    ['a b', 'a b'],
    ['a%20b', 'a b'],
    ['a+b', 'a+b'],
    ['a%2Bb', 'a+b'],
    ['ü~', 'ü~'],
    ['%C3%BC~', 'ü~'],
    ["odd!'()*", "odd!'()*"],
    ['a//b/', 'a//b/'],
    ['%7Euser%41', '~userA'],
    ['^|"<>`{}', '^|"<>`{}'],
    ['semi;colon:at@and&equals=', 'semi;colon:at@and&equals='],
    ['100%25', '100%'],
    ['日本 😀', '日本 😀'],
    ['low%c3%bcer', 'lowüer'],
  ])('key %s', async (written, key) => {
    const url = `${bucket}/keys/${written}`
    expect(await codeOf(await s3()(url, { method: 'PUT', body: key }))).toEqual([200, undefined])
    expect(await (await s3()(url)).text()).toBe(key)
    const listed = await (await s3()(`${bucket}?prefix=keys%2F&encoding-type=url`)).text()
    const keys = [...listed.matchAll(/<Key>([^<]*)/g)].map(([, name = '']) =>
      decodeURIComponent(name.replaceAll('+', ' ')),
    )
    expect(keys).toContain(`keys/${key}`)
    const presigned = await presign(url, options)
    expect(await (await fetch(presigned)).text()).toBe(key)
    expect((await s3()(url, { method: 'DELETE' })).status).toBe(204)
  })

  it.each([
    '?acl',
    '?prefix=a+b',
    '?prefix=a%20b',
    '?prefix=a%2Bb',
    "?prefix='()*!~",
    '?prefix=^|{}',
    '?prefix=ü&delimiter=/',
    '?',
    '?max-keys=1&prefix=',
    '?prefix=a=b',
    '?delimiter=%2F&prefix=%25',
  ])('query %s', async (query) => {
    expect(await codeOf(await s3()(bucket + query))).toEqual([200, undefined])
    expect((await fetch(await presign(bucket + query, options))).status).toBe(200)
  })
})

describe('unsigned payload', () => {
  it('lets a stream through, and signs the rest', async () => {
    const send = s3({ unsignedPayload: true })
    const body = () => new Blob(['streamed']).stream()
    const headers = { 'content-type': 'text/plain' }
    const answer = await send(`${bucket}/streamed`, {
      method: 'PUT',
      body: body(),
      headers,
      duplex: 'half',
    } as RequestInit)
    expect(await codeOf(answer)).toEqual([200, undefined])
    expect(await (await send(`${bucket}/streamed`)).text()).toBe('streamed')
    const request = await authenticated(sigv4({ ...options, unsignedPayload: true }), { url: `${bucket}/streamed` })
    expect(request.headers.get('x-amz-content-sha256')).toBe('UNSIGNED-PAYLOAD')
    expect(await codeOf(await fetch(`${bucket}/content`, { headers: request.headers }))).toEqual([
      403,
      'SignatureDoesNotMatch',
    ])
  })
})

describe('presigned URLs', () => {
  it('are good for one method and one time, and not when touched', async () => {
    const put = await presign(`${bucket}/given`, {
      ...options,
      method: 'PUT',
      headers: { 'content-type': 'text/plain' },
    })
    const body = 'given'
    expect((await fetch(put, { method: 'PUT', body, headers: { 'content-type': 'text/plain' } })).status).toBe(200)
    expect((await fetch(put, { method: 'PUT', body, headers: { 'content-type': 'text/html' } })).status).toBe(403)
    expect((await fetch(put)).status).toBe(403)
    const get = await presign(`${bucket}/given`, options)
    expect(await (await fetch(get)).text()).toBe('given')
    expect((await fetch(flipped(get.href))).status).toBe(403)
    expect((await fetch(get.href.replace('Expires=900', 'Expires=901'))).status).toBe(403)
    const old = await presign(`${bucket}/given`, { ...options, expiresIn: 1000, now: () => Date.now() - 60_000 })
    expect((await fetch(old)).status).toBe(403)
  })
})

it('3 every retry is signed anew', async () => {
  const seen: string[] = []
  const transport: typeof fetch = async (input, init) => {
    const request = new Request(input as Request, init)
    seen.push(request.headers.get('authorization') ?? '')
    return seen.length < 3 ? new Response(null, { status: 503 }) : fetch(request)
  }
  const send = createFetch({
    baseUrl: swift.origin,
    auth: sigv4(options),
    fetch: transport,
    // A timestamp has whole seconds.
    retry: { limit: 3, delay: () => 1100, jitter: false },
  })
  expect((await send(bucket)).status).toBe(200)
  expect(new Set(seen).size).toBe(3)
})

describe('5 a clock that is wrong', () => {
  afterEach(() => vi.useRealTimers())

  it.each([3_600_000, -3_600_000, 1_200_000])('by %i ms is corrected once', async (wrong) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + wrong })
    const events: string[] = []
    const send = createFetch({
      baseUrl: swift.origin,
      auth: sigv4(options),
      onEvent: (event) => event.type === 'replay' && events.push(event.reason),
    })
    expect((await send(bucket)).status).toBe(200)
    expect((await send(bucket)).status).toBe(200)
    expect(events).toEqual(['clock_skew'])
  })
})

describe('8 a refusal explains itself', () => {
  it('with another secret, both sides signed the same; with another path, they did not', async () => {
    const wrong = await s3({ credentials: { ...credentials, secretAccessKey: 'other' } })(`${bucket}/a%20b?x=1`)
    expect(wrong.status).toBe(403)
    const told = await explain(wrong)
    expect(told?.canonicalRequest).toContain('/latchkey/a%20b\nx=1\n')
    expect(told?.difference).toBe('')
    // Normalized and encoded twice, as all services but S3 want it.
    const other = await s3({ s3: false, contentSha256: true })(`${bucket}/a%20b`)
    expect((await explain(other))?.difference).toBe('- /latchkey/a%2520b\n+ /latchkey/a%20b')
  })
})

it('1,000 at once, each with its own signature', async () => {
  const send = createFetch({ baseUrl: swift.origin, auth: sigv4(options), limits: [{ concurrent: 20 }] })
  const answers = await Promise.all(
    Array.from({ length: 1000 }, async (_, i) => {
      const response = await send(`${bucket}?max-keys=1&marker=${i}`)
      await response.arrayBuffer()
      return response.status
    }),
  )
  expect(new Set(answers)).toEqual(new Set([200]))
})
