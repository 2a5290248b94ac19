import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { NonceFormat } from '../../src/hmac/nonce.ts'
import { alibabaAcs3 } from '../../src/hmac/presets/alibaba-acs3.ts'
import { azureHmac } from '../../src/hmac/presets/azure-hmac.ts'
import { azureStorage } from '../../src/hmac/presets/azure-storage.ts'
import { binance } from '../../src/hmac/presets/binance.ts'
import { bitfinex } from '../../src/hmac/presets/bitfinex.ts'
import { bitget } from '../../src/hmac/presets/bitget.ts'
import { bitstamp } from '../../src/hmac/presets/bitstamp.ts'
import { bybit } from '../../src/hmac/presets/bybit.ts'
import { coinbaseExchange } from '../../src/hmac/presets/coinbase-exchange.ts'
import { edgeGrid } from '../../src/hmac/presets/edge-grid.ts'
import { gate } from '../../src/hmac/presets/gate.ts'
import { googleHmac } from '../../src/hmac/presets/google-hmac.ts'
import { hawk } from '../../src/hmac/presets/hawk.ts'
import { htx } from '../../src/hmac/presets/htx.ts'
import { kraken } from '../../src/hmac/presets/kraken.ts'
import { kucoin } from '../../src/hmac/presets/kucoin.ts'
import { oauth1 } from '../../src/hmac/presets/oauth1.ts'
import { okx } from '../../src/hmac/presets/okx.ts'
import { tencentTc3 } from '../../src/hmac/presets/tencent-tc3.ts'
import type { AuthStrategy } from '../../src/types.ts'
import vectors from '../vectors/hmac/schemes.json' with { type: 'json' }
import { authenticated } from './attempt.ts'

interface Case {
  id: string
  preset: string
  options: Record<string, unknown>
  now: number
  nonce?: string
  method: string
  url: string
  headers: Record<string, string>
  body?: string | { repeat: string; times: number }
  expected: {
    headers?: Record<string, string>
    query?: Record<string, string>
    form?: Record<string, string>
    body?: string
    contains?: Record<string, string[]>
    oauthSignature?: string
  }
}

type Preset = (options: never) => AuthStrategy
const presets: Record<string, Preset> = {
  'alibaba-acs3': alibabaAcs3,
  'azure-hmac': azureHmac,
  'azure-storage': azureStorage,
  binance,
  bitfinex,
  bitget,
  bitstamp,
  bybit,
  'coinbase-exchange': coinbaseExchange,
  'edge-grid': edgeGrid,
  gate,
  hawk,
  htx,
  kraken,
  kucoin,
  oauth1,
  okx,
  'tencent-tc3': tencentTc3,
}

function strategyOf({ preset, options, nonce }: Case): AuthStrategy {
  const make = presets[preset] as (options: object) => AuthStrategy
  return make({ ...options, ...(nonce && { nonce: (() => nonce) as NonceFormat }) })
}

/** fetch refuses content in a GET, which one documented case has: its strategy is asked directly. */
async function sentBy(vector: Case): Promise<{ headers: Headers; url: string; body: string }> {
  const { method, url, headers, body, now } = vector
  const text = typeof body === 'object' ? body.repeat.repeat(body.times) : body
  const bytes = text === undefined ? undefined : new TextEncoder().encode(text)
  if (method === 'GET' && bytes) {
    const request = { method, headers: new Headers(headers) }
    await strategyOf(vector).authenticate(
      request as Request,
      { url: new URL(url), body: bytes, now: () => now, explain() {} } as never,
    )
    return { headers: request.headers, url, body: text as string }
  }
  const request = await authenticated(strategyOf(vector), { method, url, headers, now, ...(bytes && { body: bytes }) })
  return { headers: request.headers, url: request.url, body: await request.text() }
}

describe('signatures of others', () => {
  for (const vector of vectors.cases as unknown as Case[])
    it(vector.id, async () => {
      const { headers, url, body } = await sentBy(vector)
      const { expected } = vector
      for (const [name, value] of Object.entries(expected.headers ?? {})) expect(headers.get(name), name).toBe(value)
      for (const [name, parts] of Object.entries(expected.contains ?? {}))
        for (const part of parts) expect(headers.get(name)).toContain(part)
      for (const [name, value] of Object.entries(expected.query ?? {}))
        expect(new URL(url).searchParams.get(name)).toBe(value)
      for (const [name, value] of Object.entries(expected.form ?? {}))
        expect(new URLSearchParams(body).get(name)).toBe(value)
      if (expected.body !== undefined) expect(body).toBe(expected.body)
      if (expected.oauthSignature)
        expect(headers.get('authorization')).toContain(
          `oauth_signature="${encodeURIComponent(expected.oauthSignature)}"`,
        )
      expect(Object.keys(expected).length).toBeGreaterThan(0)
    })

  it('every preset has one', () => {
    const covered = new Set(vectors.cases.map(({ preset }) => preset))
    expect([...covered].toSorted()).toEqual(Object.keys(presets))
  })
})

describe('what the presets declare is what they write', () => {
  for (const vector of (vectors.cases as unknown as Case[]).filter(
    (one, i, all) => all.findIndex((other) => other.preset === one.preset) === i,
  ))
    it(vector.preset, async () => {
      const { headers, url, body } = await sentBy(vector)
      const before = new Set(Object.keys(vector.headers))
      const written = [
        ...[...headers.keys()].filter((name) => !before.has(name)).map((name) => `header:${name}`),
        ...[...new URL(url).searchParams.keys()]
          .filter((name) => !new URL(vector.url).searchParams.has(name))
          .map((name) => `query:${name}`),
        ...(vector.preset === 'kraken' ? [...new URLSearchParams(body).keys()].map((name) => `form:${name}`) : []),
      ]
      const { places } = strategyOf(vector)
      expect(places).toEqual(expect.arrayContaining(written))
    })
})

it('tencent-tc3: the canonical request of the documentation', async () => {
  // Only its hash is printed, the key is masked: the rest of the chain is computed here.
  const body = '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
  const request = await authenticated(tencentTc3({ keyId: 'id', secret: 'secret', token: 'temporary' }), {
    method: 'POST',
    url: 'https://cvm.tencentcloudapi.com',
    headers: { 'content-type': 'application/json; charset=utf-8', 'X-TC-Action': 'DescribeInstances' },
    body,
    now: 1_551_113_065_000,
  })
  const canonical = '7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84'
  let key: Buffer | string = 'TC3secret'
  for (const part of ['2019-02-25', 'cvm', 'tc3_request']) key = createHmac('sha256', key).update(part).digest()
  const signature = createHmac('sha256', key)
    .update(`TC3-HMAC-SHA256\n1551113065\n2019-02-25/cvm/tc3_request\n${canonical}`)
    .digest('hex')
  expect(request.headers.get('authorization')).toMatch(new RegExp(`Signature=${signature}$`))
  expect(request.headers.get('x-tc-token')).toBe('temporary')
})

it('bitstamp: a media type without content is not covered', async () => {
  const options = { keyId: 'k', secret: 's', nonce: () => 'n' }
  const sent = { method: 'POST', url: 'https://www.bitstamp.net/api/v2/balance/', now: 1 }
  const [bare, typed] = await Promise.all([
    authenticated(bitstamp(options), sent),
    authenticated(bitstamp(options), { ...sent, headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
  ])
  const expected = createHmac('sha256', 's').update('BITSTAMP kPOSTwww.bitstamp.net/api/v2/balance/n1v2').digest('hex')
  for (const { headers } of [bare, typed]) expect(headers.get('x-auth-signature')).toBe(expected)
})

it('oauth1: the media type of a form may be written in any case', async () => {
  const [lower, upper] = await Promise.all(
    ['application/x-www-form-urlencoded', 'Application/X-WWW-Form-URLEncoded; charset=UTF-8'].map((type) =>
      authenticated(oauth1({ consumerKey: 'k', consumerSecret: 's', nonce: () => 'n' }), {
        method: 'POST',
        url: 'https://a.example',
        headers: { 'content-type': type },
        body: 'a=b',
        now: 1,
      }),
    ),
  )
  expect(upper?.headers.get('authorization')).toBe(lower?.headers.get('authorization'))
})

it.each([
  ['tencent-tc3', () => tencentTc3({ keyId: 'k', secret: 's' })],
  ['google-hmac', () => googleHmac({ keyId: 'k', secret: 's' })],
])('%s derives another key for another day, and for another service', async (_, make) => {
  const kept = make()
  const noon = Date.UTC(2026, 0, 1, 12)
  for (const [now, host] of [
    [noon, 'cvm'],
    [noon + 60_000, 'cvm'],
    [noon + 60_000, 'cbs'],
    [noon + 86_400_000, 'cbs'],
  ] as const) {
    const sent = { url: `https://${host}.example.com/`, now }
    const [used, fresh] = await Promise.all([authenticated(kept, sent), authenticated(make(), sent)])
    expect(used.headers.get('authorization')).toBe(fresh.headers.get('authorization'))
  }
})
