// Signatures that need a sub-path of their own, and those that come with a webhook.
import { createClient } from 'latchkey'
import { presign, presignV4a, sigv4, sigv4a } from 'latchkey/aws'
import { binance } from 'latchkey/hmac/binance'
import * as webhooks from 'latchkey/webhooks'
import senders from '../vectors/webhooks/senders.json' with { type: 'json' }
import { codeOf, equal } from './checks.mjs'

const { github, slack, standardWebhooks, stripe, twilio, webhook } = webhooks
const makers = { slack, github, standardWebhooks, twilio }

export function signing({ baseUrl }) {
  const client = createClient({ baseUrl })
  const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' }
  return {
    async '13 AWS Signature Version 4 over what is sent'() {
      const auth = sigv4({ service: 'execute-api', region: 'eu-west-1', credentials })
      for (const path of ['sigv4', "sigv4?q=a%20b&odd='()*", 'sigv4?ü=^|'])
        equal((await client.get(path, { auth }).json()).ok, true, path)
      for (const body of ['text', new Uint8Array(20_000), new URLSearchParams({ a: 'b c' }), new Blob(['x'])])
        equal((await client.post('sigv4', { auth, body }).json()).ok, true)
    },
    async '13 AWS Signature Version 4A over what is sent, and in a URL'() {
      const options = { service: 's3', regionSet: 'eu-*,us-east-1', credentials }
      const auth = sigv4a(options)
      for (const path of ['s3/a%20b', 's3/k?b=2&a=1']) equal((await client.get(path, { auth }).json()).ok, true, path)
      equal((await client.post('s3/k', { auth, body: 'text' }).json()).ok, true)
      equal((await client.get(await presignV4a(`${baseUrl}s3/k`, options)).json()).ok, true)
    },
    async '13 a URL that carries its signature opens for who has it, and a changed one does not'() {
      const options = { service: 's3', region: 'eu-west-1', credentials }
      const url = await presign(`${baseUrl}s3/a%20b?x=1`, options)
      equal((await client.get(url).json()).ok, true)
      url.searchParams.set('x', '2')
      equal((await client.get(url, { throwHttpErrors: false, retry: 0 }).json()).ok, false)
      const put = await presign(`${baseUrl}s3/k`, { ...options, method: 'PUT' })
      equal((await client.put(put, { body: 'anything' }).json()).ok, true)
    },
    async '13 the recipe of an exchange over query and content'() {
      const auth = binance({ keyId: 'id', secret: 'secret', recvWindow: 3000 })
      equal((await client.get('binance?symbol=A%20B', { auth }).json()).ok, true)
      equal((await client.post('binance', { auth, body: new URLSearchParams({ side: 'BUY' }) }).json()).ok, true)
    },
    async 'webhooks of each sender verify, and changed ones do not'() {
      for (const { sender, secret, at = Date.now(), headers, body, url } of senders.cases) {
        const make = makers[sender]
        const age = Date.now() - at
        const seen = make({ secret, ...(/slack|standard/.test(sender) && { tolerance: age + 300_000 }) })
        equal((await seen.verify({ url, headers, body })).text, body, sender)
        equal(await codeOf(() => seen.verify({ url, headers, body: `${body}x` })), 'signature_invalid', sender)
        if (age > 3_600_000)
          equal(await codeOf(() => make({ secret }).verify({ headers, body })), 'timestamp_out_of_tolerance', sender)
      }
      const seconds = Math.floor(Date.now() / 1000)
      const mac = await hmacHex('secret', `${seconds}.{}`)
      const signed = { headers: { 'stripe-signature': `t=${seconds},v1=${mac}` }, body: '{}' }
      const own = webhook({
        secret: 'secret',
        hash: 'sha256',
        encoding: 'hex',
        message: ({ timestamp, bodyText }) => `${timestamp}.${bodyText}`,
        signatures: (fields) => fields.get('stripe-signature').split('v1=')[1],
        timestamp: (fields) => /t=(\d+)/.exec(fields.get('stripe-signature'))[1],
      })
      for (const hook of [stripe({ secret: 'secret' }), own]) {
        equal((await hook.verify(signed)).text, '{}')
        equal(await codeOf(() => hook.verify({ ...signed, body: '[]' })), 'signature_invalid')
      }
    },
  }
}

async function hmacHex(secret, text) {
  const hash = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', webhooks.utf8(secret), hash, false, ['sign'])
  return webhooks.hex(new Uint8Array(await crypto.subtle.sign('HMAC', key, webhooks.utf8(text))))
}
