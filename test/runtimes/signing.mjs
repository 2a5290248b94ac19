// Signatures that need a sub-path of their own, and those that come with a webhook.
import { createClient } from 'latchkey'
import { sigv4 } from 'latchkey/aws'
import { binance } from 'latchkey/hmac/binance'
import * as webhooks from 'latchkey/webhooks'
import senders from '../vectors/webhooks/senders.json' with { type: 'json' }
import { codeOf, equal } from './checks.mjs'

const makers = { slack: webhooks.slack, github: webhooks.github, standardWebhooks: webhooks.standardWebhooks }

export function signing({ baseUrl }) {
  const client = createClient({ baseUrl })
  return {
    async '13 AWS Signature Version 4 over what is sent'() {
      const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' }
      const auth = sigv4({ service: 'execute-api', region: 'eu-west-1', credentials })
      for (const path of ['sigv4', "sigv4?q=a%20b&odd='()*", 'sigv4?ü=^|'])
        equal((await client.get(path, { auth }).json()).ok, true, path)
      for (const body of ['text', new Uint8Array(20_000), new URLSearchParams({ a: 'b c' }), new Blob(['x'])])
        equal((await client.post('sigv4', { auth, body }).json()).ok, true)
    },
    async '13 the recipe of an exchange over query and content'() {
      const auth = binance({ keyId: 'id', secret: 'secret', recvWindow: 3000 })
      equal((await client.get('binance?symbol=A%20B', { auth }).json()).ok, true)
      equal((await client.post('binance', { auth, body: new URLSearchParams({ side: 'BUY' }) }).json()).ok, true)
    },
    async 'webhooks of each sender verify, and changed ones do not'() {
      let verified = 0
      for (const { sender, secret, at = Date.now(), headers, body, options } of senders.cases) {
        const make = options ? undefined : makers[sender]
        if (!make) continue
        const hook = make({ secret })
        const age = Date.now() - at
        const seen = make({ secret, ...(sender !== 'github' && { tolerance: age + 300_000 }) })
        const code = await codeOf(() => seen.verify({ headers, body }))
        equal(code, 'none', sender)
        equal(await codeOf(() => seen.verify({ headers, body: `${body} ` })), 'signature_invalid', sender)
        if (age > 3_600_000) equal((await codeOf(() => hook.verify({ headers, body }))) !== 'none', true, sender)
        verified++
      }
      equal(verified >= 3, true)
    },
  }
}
