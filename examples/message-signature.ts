// HTTP Message Signatures (RFC 9421): what leaves is signed, and what comes back is verified.
// Run: API_URL=… KEY_ID=… PRIVATE_KEY=… SERVER_KEY=… node examples/message-signature.ts
import { createClient } from 'latchkey'
import { messageSignature, signatureVerifier } from 'latchkey/message-signatures'

const { API_URL = '', KEY_ID = '', PRIVATE_KEY = '', SERVER_KEY = '' } = process.env

const responses = signatureVerifier({
  keys: ({ keyid }) => (keyid === 'server' ? { key: SERVER_KEY, algorithm: 'ed25519' } : undefined),
  components: ['@status', 'content-digest', '@method;req', '@target-uri;req'],
})
const api = createClient({
  baseUrl: API_URL,
  auth: messageSignature({ key: PRIVATE_KEY, keyid: KEY_ID, algorithm: 'ed25519', responses }),
})
console.log(await api.post('users/42', { json: { name: 'Ada' } }).json<{ name: string }>())
