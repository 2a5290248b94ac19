// Every vendor's scheme by name, on the cases that vendors and their libraries document.
import { createFetch } from 'latchkey/fetch'
import { alibabaAcs3 } from 'latchkey/hmac/alibaba-acs3'
import { azureHmac } from 'latchkey/hmac/azure-hmac'
import { azureStorage } from 'latchkey/hmac/azure-storage'
import { binance } from 'latchkey/hmac/binance'
import { bitfinex } from 'latchkey/hmac/bitfinex'
import { bitget } from 'latchkey/hmac/bitget'
import { bitstamp } from 'latchkey/hmac/bitstamp'
import { bybit } from 'latchkey/hmac/bybit'
import { coinbaseExchange } from 'latchkey/hmac/coinbase-exchange'
import { edgeGrid } from 'latchkey/hmac/edge-grid'
import { gate } from 'latchkey/hmac/gate'
import { googleHmac } from 'latchkey/hmac/google-hmac'
import { hawk } from 'latchkey/hmac/hawk'
import { htx } from 'latchkey/hmac/htx'
import { kraken } from 'latchkey/hmac/kraken'
import { kucoin } from 'latchkey/hmac/kucoin'
import { oauth1 } from 'latchkey/hmac/oauth1'
import { okx } from 'latchkey/hmac/okx'
import { tencentTc3 } from 'latchkey/hmac/tencent-tc3'
import vectors from '../vectors/hmac/schemes.json' with { type: 'json' }
import { codeOf, equal } from './checks.mjs'

const presets = {
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

export function vendors({ inBrowser }) {
  // Names that a page may not set.
  const forbidden = ({ headers, expected }) =>
    Object.keys({ ...headers, ...expected.headers }).some((name) => /^(date|host|content-length)$/i.test(name))
  // Hawk covers host and port, and not the scheme.
  const secure = (one) => (one.preset === 'hawk' ? { ...one, url: one.url.replace(/^http:(?=.*:\d)/, 'https:') } : one)
  const possible = (one) => one.url.startsWith('https:') && !(one.method === 'GET' && one.body)
  const cases = vectors.cases.map(secure).filter((one) => possible(one) && !(inBrowser && forbidden(one)))
  return {
    async '13 the scheme of each vendor signs as its documentation has it'() {
      const covered = new Set()
      for (const vector of cases) {
        const { id, preset, options, nonce, expected } = vector
        const auth = presets[preset]({ ...options, ...(nonce && { nonce: () => nonce }) })
        const sent = await leaves(auth, vector)
        for (const [name, value] of Object.entries(expected.headers ?? {})) equal(sent.headers.get(name), value, id)
        for (const [name, parts] of Object.entries(expected.contains ?? {}))
          for (const part of parts) equal(sent.headers.get(name)?.includes(part), true, `${id} ${part}`)
        for (const [name, value] of Object.entries(expected.query ?? {}))
          equal(new URL(sent.url).searchParams.get(name), value, id)
        for (const [name, value] of Object.entries(expected.form ?? {}))
          equal(new URLSearchParams(sent.body).get(name), value, id)
        if (expected.body !== undefined) equal(sent.body, expected.body, id)
        if (expected.oauthSignature) {
          const field = `oauth_signature="${encodeURIComponent(expected.oauthSignature)}"`
          equal(sent.headers.get('authorization').includes(field), true, id)
        }
        covered.add(preset)
      }
      equal([...covered].sort().join(), Object.keys(presets).sort().join())
    },
    async '13 the scheme of Google, which is that of AWS under another name'() {
      const auth = googleHmac({ keyId: 'id', secret: 'secret' })
      const { headers } = await leaves(auth, { method: 'GET', url: 'https://storage.googleapis.com/b/o', now: 1 })
      equal(/^GOOG4-HMAC-SHA256 Credential=id\/19700101\//.test(headers.get('authorization')), true)
      equal(await codeOf(() => googleHmac({ keyId: 'id' })), 'credential_invalid')
    },
  }
}

/** The request as it would leave, at the moment of the vector. */
async function leaves(auth, { method, url, headers, body, now }) {
  const { now: real } = Date
  Date.now = () => now
  let sent
  const fetch = createFetch({
    origins: [new URL(url).origin],
    auth,
    fetch: async (request) => {
      sent = { url: request.url, headers: request.headers, body: await request.text() }
      return new Response('')
    },
  })
  const content = typeof body === 'object' ? body.repeat.repeat(body.times) : body
  try {
    await fetch(url, { method, headers, ...(content && { body: new TextEncoder().encode(content) }) })
  } finally {
    Date.now = real
  }
  return sent
}
