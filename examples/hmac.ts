// A vendor's own scheme: what is signed, and where it is written. Run: API_URL=… KEY_ID=… KEY_SECRET=… node examples/hmac.ts
import { createClient } from 'latchkey'
import { hmac } from 'latchkey/hmac'

const { API_URL = '', KEY_ID = '', KEY_SECRET = '' } = process.env

const api = createClient({
  baseUrl: API_URL,
  auth: hmac({
    keyId: KEY_ID,
    secret: KEY_SECRET,
    hash: 'sha256',
    encoding: 'hex',
    message: ({ timestamp, method, target, bodyText }) => `${timestamp}${method}${target}${bodyText}`,
    place: ({ keyId, timestamp, signature }) => ({
      headers: { 'X-Key': keyId, 'X-Timestamp': timestamp, 'X-Signature': signature },
    }),
  }),
})
console.log(await api.post('orders', { json: { item: 'book' } }).json<{ id: number }>())
