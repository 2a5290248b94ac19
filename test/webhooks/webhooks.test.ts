import { createHash, createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { hmac } from '../../src/hmac/hmac.ts'
import { Secret } from '../../src/secret.ts'
import {
  type Delivery,
  github,
  type SecretOptions,
  slack,
  standardWebhooks,
  stripe,
  twilio,
  type Webhook,
  WebhookError,
  webhook,
} from '../../src/webhooks/webhooks.ts'
import { serve } from '../servers/raw.ts'
import vectors from '../vectors/webhooks/senders.json' with { type: 'json' }

const SECRET = 'canary-77aa-not-to-be-shown'
const AT = 1_700_000_000_000
const senders: Record<string, (options: SecretOptions) => Webhook> = { github, slack, standardWebhooks, stripe, twilio }

afterEach(() => {
  vi.useRealTimers()
})

function at(now: number): void {
  vi.useFakeTimers({ now, toFake: ['Date'] })
}

/** What the verifier says: the content, or the code of its error, which must not hold the secret. */
async function said(hook: Webhook, delivery: Request | Delivery): Promise<string> {
  try {
    return (await hook.verify(delivery)).text
  } catch (error) {
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(SECRET)
    return (error as WebhookError).code
  }
}

describe('documented deliveries', () => {
  for (const { id, sender, secret, headers, body, ...rest } of vectors.cases) {
    const make = senders[sender] as (options: SecretOptions) => Webhook
    const url = rest.url ?? 'https://hooks.example.com/in'
    const sent = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) as Record<
      string,
      string
    >

    it(`${id}: verified, from a Request and from headers and content of Node`, async () => {
      at(rest.at ?? AT)
      expect(await said(make({ secret }), new Request(url, { method: 'POST', headers: sent, body }))).toBe(body)
      const lower = Object.fromEntries(Object.entries(sent).map(([name, value]) => [name.toLowerCase(), value]))
      expect(await said(make({ secret }), { url, headers: { ':path': '/', ...lower }, body: Buffer.from(body) })).toBe(
        body,
      )
    })

    it(`${id}: refused with a changed byte, another secret, no signature`, async () => {
      at(rest.at ?? AT)
      const changed = body.replace(/[A-Za-z0-9]/, (character) => (character === 'x' ? 'y' : 'x'))
      expect(await said(make({ secret }), { url, headers: sent, body: changed })).toBe('signature_invalid')
      expect(await said(make({ secret: 'b3RoZXI=' }), { url, headers: sent, body })).toBe('signature_invalid')
      const bare = Object.fromEntries(Object.entries(sent).filter(([name]) => !/signature/i.test(name)))
      expect(await said(make({ secret }), { url, headers: bare, body })).toBe('signature_missing')
    })

    if (rest.at !== undefined) {
      const signedAt = rest.at
      it(`${id}: refused when it is too old, or ahead of time`, async () => {
        for (const [now, verdict] of [
          [signedAt + 300_000, body],
          [signedAt + 300_001, 'timestamp_out_of_tolerance'],
          [signedAt - 300_000, body],
          [signedAt - 300_001, 'timestamp_out_of_tolerance'],
        ] as const) {
          at(now)
          expect(await said(make({ secret }), { headers: sent, body })).toBe(verdict)
        }
        expect(await said(make({ secret, tolerance: false }), { headers: sent, body })).toBe(body)
        at(signedAt + 1001)
        expect(await said(make({ secret, tolerance: 1000 }), { headers: sent, body })).toBe(
          'timestamp_out_of_tolerance',
        )
      })

      it(`${id}: refused without a timestamp, or with one that is none`, async () => {
        at(signedAt)
        for (const value of ['', '-1', '1e9', '0x10', 'yesterday', '９'.repeat(10), '9'.repeat(20)]) {
          const broken = Object.fromEntries(
            Object.entries(sent).map(([name, old]) => [name, /timestamp/i.test(name) ? encodeURI(value) : old]),
          )
          expect(await said(make({ secret }), { headers: broken, body }), value).toBe('timestamp_missing')
        }
      })
    }
  }
})

describe('stripe', () => {
  const signed = (body: string, secret: string, seconds: number) =>
    createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')

  it('takes any of several signatures and secrets, and no other version', async () => {
    at(AT)
    const seconds = AT / 1000
    const right = signed('{}', `whsec_${SECRET}`, seconds)
    const wrong = signed('{}', 'other', seconds)
    const hook = stripe({ secret: [new Secret('old'), () => `whsec_${SECRET}`, async () => new Secret('next')] })
    const header = (value: string) => said(hook, { headers: { 'stripe-signature': value }, body: '{}' })
    expect(await header(`t=${seconds},v1=${right}`)).toBe('{}')
    expect(await header(`t=${seconds}, v1=${wrong}, v1=${right}, v0=${wrong}`)).toBe('{}')
    expect(await header(`t=${seconds},v1=${signed('{}', 'next', seconds)}`)).toBe('{}')
    expect(await header(`t=${seconds},v1=${wrong},v1=`)).toBe('signature_invalid')
    expect(await header(`t=${seconds},v0=${right}`)).toBe('signature_missing')
    expect(await header(`v1=${right}`)).toBe('timestamp_missing')
    expect(await header(`t=${seconds + 1},v1=${right}`)).toBe('signature_invalid')
    // The secret of this sender is text: not what stands in base64 behind the prefix.
    expect(
      await said(stripe({ secret: SECRET }), {
        headers: { 'stripe-signature': `t=${seconds},v1=${right}` },
        body: '{}',
      }),
    ).toBe('signature_invalid')
  })
})

describe('standardWebhooks', () => {
  it('takes other prefixes, several signatures, and a secret that comes late', async () => {
    at(AT)
    const key = Buffer.from('some key bytes of it')
    const mac = createHmac('sha256', key)
      .update(`msg.${AT / 1000}.{}`)
      .digest('base64')
    const headers = {
      'svix-id': 'msg',
      'svix-timestamp': `${AT / 1000}`,
      'svix-signature': `v1a,AAAA v1,AAAA v1,${mac}`,
    }
    const secret = async () => new Secret(`whsec_${key.toString('base64')}`)
    expect(await said(standardWebhooks({ secret, prefix: 'svix' }), { headers, body: '{}' })).toBe('{}')
    expect(await said(standardWebhooks({ secret }), { headers, body: '{}' })).toBe('signature_missing')
    const versioned = { ...headers, 'svix-signature': `v1a,${mac} v2,${mac}` }
    expect(await said(standardWebhooks({ secret, prefix: 'svix' }), { headers: versioned, body: '{}' })).toBe(
      'signature_missing',
    )
    const renamed = { ...headers, 'svix-id': 'msg2' }
    expect(await said(standardWebhooks({ secret, prefix: 'svix' }), { headers: renamed, body: '{}' })).toBe(
      'signature_invalid',
    )
  })
})

describe('twilio', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' }

  it('sorts the form, drops what is there twice, and takes the URL with its port or without', async () => {
    // Computed with the sender's own library, for the URL with `:443`.
    const headers = { ...form, 'x-twilio-signature': 'tLPhIgwkjVATh7/v7aDXUBYzj2A=' }
    const body = 'b=2&a=%C3%A9+%2B%26&b=1&b=2'
    const url = 'https://hooks.example.com/sms?x=1'
    expect(await said(twilio({ secret: '12345' }), { url, headers, body })).toBe(body)
    const inside = { url: 'http://10.0.0.1:3000/sms?x=1', headers, body }
    expect(await said(twilio({ secret: '12345', origin: 'https://hooks.example.com' }), inside)).toBe(body)
    expect(await said(twilio({ secret: '12345' }), inside)).toBe('signature_invalid')
    expect(() => twilio({ secret: '12345', origin: 'hooks.example.com' })).toThrow(
      expect.objectContaining({ code: 'invalid_option' }),
    )
  })

  it('covers other content by its hash in the URL, and refuses it without', async () => {
    const body = '{"a":"é"}'
    const sign = (url: string) => ({
      'content-type': 'application/json',
      'x-twilio-signature': createHmac('sha1', SECRET).update(url).digest('base64'),
    })
    const url = `https://h.example/in?bodySHA256=${createHash('sha256').update(body).digest('hex')}`
    const hook = twilio({ secret: SECRET })
    expect(await said(hook, { url, headers: sign(url), body })).toBe(body)
    expect(await said(hook, { url, headers: sign(url), body: '{"a":"e"}' })).toBe('signature_invalid')
    const bare = 'https://h.example/in'
    expect(await said(hook, { url: bare, headers: sign(bare), body })).toBe('signature_invalid')
    expect(await said(hook, { url: bare, headers: sign(bare), body: '' })).toBe('')
  })
})

describe('any recipe of hmac', () => {
  const message = ({
    timestamp,
    method,
    target,
    body,
  }: {
    timestamp: string
    method: string
    target: string
    body: Uint8Array
  }) => [timestamp, method, target, body]
  const hook = webhook({
    secret: [SECRET, 'older'],
    hash: 'sha512',
    encoding: 'base64url',
    timestamp: (headers) => headers.get('x-timestamp'),
    message,
    signatures: (headers) => headers.get('x-signature'),
  })

  it('what hmac() signs is verified where it arrives, and nothing else', async () => {
    const origin = await serve(async ({ method, target, headers, body }) => {
      const verdict = await said(hook, { method, url: `${origin}${target}`, headers, body })
      return { status: verdict === body.toString() ? 200 : 401, body: verdict }
    })
    for (const [secret, status] of [
      [SECRET, 200],
      ['older', 200],
      ['other', 401],
    ] as const)
      for (const timestamp of ['s', 'ms', 'iso', 'rfc1123'] as const) {
        const auth = hmac({
          secret,
          hash: 'sha512',
          encoding: 'base64url',
          timestamp,
          message,
          place: (facts) => ({ headers: { 'x-timestamp': facts.timestamp, 'x-signature': facts.signature } }),
        })
        const response = await createFetch({ baseUrl: origin, auth })('/a%20b?c=ü', { method: 'PUT', body: 'cöntent' })
        expect(response.status).toBe(status)
      }
  })

  it('garbage is refused with a typed error, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        fc.uint8Array(),
        async (signature, timestamp, body) => {
          const delivery = { headers: { 'x-signature': signature, 'x-timestamp': timestamp }, body }
          expect(await said(hook, delivery)).toMatch(/^(signature|timestamp)_(missing|invalid)$/)
          const { message: _, ...rest } = await hook.verify(delivery).catch((error) => error)
          expect(rest).toEqual({ name: 'WebhookError', code: rest.code })
        },
      ),
      { numRuns: 300 },
    )
  })

  it('a signature that is cut, longer or empty is refused', async () => {
    const sign = (text: string) => createHmac('sha512', SECRET).update(text).digest('base64url')
    const now = Date.now()
    const right = sign(`${now}POST/`)
    const check = (signature: string) =>
      said(hook, { headers: { 'x-signature': signature, 'x-timestamp': `${now}` }, body: '' })
    expect(await check(right)).toBe('')
    for (const wrong of [
      right.slice(0, -2),
      right.slice(0, 4),
      `${right}AAAA`,
      right.repeat(2),
      `A${right.slice(1)}`,
      '=',
      'AAAA',
    ])
      expect(await check(wrong), wrong).toBe('signature_invalid')
    expect(await check('')).toBe('signature_missing')
  })

  it('content that was read, or parsed, is refused with what to do instead', async () => {
    const request = new Request('https://a.example', { method: 'POST', body: '{}', headers: { 'x-signature': 'AAAA' } })
    await request.text()
    await expect(hook.verify(request)).rejects.toMatchObject({ code: 'content_unreadable' })
    await expect(hook.verify({ headers: {}, body: { a: 1 } as never })).rejects.toMatchObject({
      code: 'invalid_option',
    })
    expect(await said(hook, { body: '' } as never)).toBe('signature_missing')
    await expect(hook.verify({ url: '/in', headers: {}, body: '' })).rejects.toMatchObject({ code: 'invalid_option' })
  })

  it('a Request and Headers of another library are read', async () => {
    const now = `${Date.now()}`
    const signature = createHmac('sha512', SECRET).update(`${now}POST/in{}`).digest('base64url')
    const headers = new Map([
      ['X-Signature', signature],
      ['x-timestamp', now],
    ]) as unknown as Headers
    const request = { method: 'POST', url: 'https://a.example/in', headers, arrayBuffer: async () => Buffer.from('{}') }
    expect(await said(hook, request as unknown as Request)).toBe('{}')
  })

  it('an error is both a WebhookError and a LatchkeyError', () => {
    const error = new WebhookError('signature_invalid', 'm')
    expect([error.name, error.code, error instanceof Error]).toEqual(['WebhookError', 'signature_invalid', true])
  })

  it.each<[string, object, string]>([
    ['an empty secret', { secret: '' }, 'credential_invalid'],
    ['one empty secret of two', { secret: [SECRET, ''] }, 'credential_invalid'],
    ['no secret', { secret: [] }, 'invalid_option'],
    ['a secret that does not decode', { secret: `${SECRET}!`, secretEncoding: 'base64' }, 'credential_invalid'],
    ['an unknown hash', { hash: 'md5' }, 'invalid_option'],
    ['an unknown encoding', { encoding: 'toString' }, 'invalid_option'],
    ['no message', { message: undefined }, 'invalid_option'],
    ['a tolerance that is none', { tolerance: -1 }, 'invalid_option'],
    ['a tolerance of no number', { tolerance: '5m' }, 'invalid_option'],
  ])('refused at creation: %s', (_, options, code) => {
    const right = { secret: SECRET, hash: 'sha256', encoding: 'hex', message: () => '', signatures: () => null }
    expect(() => webhook({ ...right, ...options } as never)).toThrow(expect.objectContaining({ code }))
    expect(() => webhook(right as never)).not.toThrow()
  })
})
