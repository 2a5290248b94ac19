// HTTP Message Signatures: the vectors of the RFC, what leaves, what comes back, and what robots say of themselves.
import { createClient } from 'latchkey'
import {
  checkDigest,
  contentDigest,
  jwkThumbprint,
  messageSignature,
  SignatureError,
  signatureDirectory,
  signatureVerifier,
  signMessage,
  wantedDigest,
  webBotAuth,
} from 'latchkey/message-signatures'
import rfc9421 from '../vectors/message-signatures/rfc9421.json' with { type: 'json' }
import { codeOf, equal } from './checks.mjs'

export function messages({ baseUrl }) {
  const client = createClient({ baseUrl, retry: 0 })
  return {
    async '13 the signatures of RFC 9421 verify, and what it says is wrong does not'() {
      for (const { name, label, keyid, algorithm, valid, ...vector } of rfc9421.signatures) {
        const headers = [...vector.message.headers, ['signature-input', vector.input], ['signature', vector.signature]]
        const keys = (found) => (found.keyid === keyid ? { key: rfc9421.keys[keyid], algorithm } : undefined)
        const verifier = signatureVerifier({ label, keys, components: [], maxAge: false })
        const context = { now: 1_618_884_500_000, body: new TextEncoder().encode(vector.body), request: vector.request }
        const code = await codeOf(() => verifier.verify({ ...vector.message, headers }, context))
        equal(code, valid ? 'none' : 'signature_invalid', name)
      }
    },
    async '13 the components of RFC 9421 have the values it says'() {
      const bytes = new TextEncoder()
      const hash = { name: 'HMAC', hash: 'SHA-256' }
      const mac = await crypto.subtle.importKey('raw', bytes.encode('secret'), hash, false, ['sign'])
      for (const { component, value, type, ...message } of rfc9421.components) {
        const structuredFields = { 'example-dict': type ?? 'list' }
        const options = { key: 'secret', algorithm: 'hmac-sha256', components: [component], createdAt: undefined }
        const fields = await signMessage(message, { ...options, structuredFields }).catch((error) => error)
        equal(fields instanceof SignatureError, value === undefined, component)
        if (value === undefined) continue
        const base = `${component}: ${value}\n"@signature-params": (${component})`
        const expected = new Uint8Array(await crypto.subtle.sign('HMAC', mac, bytes.encode(base)))
        equal(fields.signature, `sig=:${btoa(String.fromCharCode(...expected))}:`, component)
      }
    },
    async '13 message signatures over what is sent'() {
      const sign = messageSignature({ key: 'secret', algorithm: 'hmac-sha256', keyid: 'key' })
      const form = new FormData()
      form.set('file', new Blob(['ünïcode']), 'a.txt')
      for (const path of ['message', "message?q=a%20b&odd='()*", 'message/^|?ü=^|', 'message?'])
        equal((await client.get(path, { auth: sign }).json()).ok, true, path)
      for (const body of ['text', new Uint8Array(20_000), form, new URLSearchParams({ a: 'b c' }), new Blob(['x'])])
        equal((await client.post('message', { auth: sign, body }).json()).ok, true)
    },
    async '13 answers that are signed verify, over their content and the request they are for, and changed ones do not'() {
      const responses = signatureVerifier({
        keys: ({ keyid }) => (keyid === 'server' ? { key: 'secret', algorithm: 'hmac-sha256' } : undefined),
        components: ['@status', 'content-digest', '@method;req', '@target-uri;req', 'signature;key="sig";req'],
      })
      const auth = messageSignature({ key: 'secret', algorithm: 'hmac-sha256', keyid: 'key', responses })
      for (const init of [{}, { method: 'POST', body: 'text' }])
        equal((await client('answers/right?q=1', { ...init, auth }).json()).ok, true)
      equal(await codeOf(() => client.get('answers/other-content', { auth }).json()), 'digest_mismatch')
      equal(await codeOf(() => client.get('answers/other-request', { auth }).json()), 'signature_invalid')
      equal(await codeOf(() => client.get('echo', { auth }).json()), 'signature_missing')
    },
    async '13 a robot says who it is, and its directory shows the key, each signed'() {
      const pair = await crypto.subtle.generateKey({ name: 'Ed25519' }, true, ['sign', 'verify'])
      const { kty, crv, x, d } = await crypto.subtle.exportKey('jwk', pair.privateKey)
      const key = { kty, crv, x, d }
      const request = { method: 'GET', url: 'https://bot.example.com/', headers: {} }
      const directory = await signatureDirectory(request, { keys: [key] })
      const { keys } = await directory.clone().json()
      equal(keys[0].kid, await jwkThumbprint({ kty, crv, x }))
      equal('d' in keys[0], false)
      const known = ({ keyid }) => ({ key: keys.find(({ kid }) => kid === keyid), algorithm: 'ed25519' })
      const shown = signatureVerifier({ label: 'sig1', components: ['@authority;req'], maxAge: false, keys: known })
      equal((await shown.verify(directory, { request })).keyid, keys[0].kid)

      let sent
      const auth = webBotAuth({ key, agent: 'https://bot.example.com' })
      const fetch = async (leaving) => {
        sent = leaving
        return new Response()
      }
      await createClient({ baseUrl: 'https://api.example.com', auth, fetch }).get('page')
      const robots = signatureVerifier({
        tag: 'web-bot-auth',
        components: ['@authority', 'signature-agent'],
        keys: known,
      })
      const message = (url) => ({ method: sent.method, url, headers: sent.headers })
      equal((await robots.verify(message(sent.url))).keyid, keys[0].kid)
      equal(await codeOf(() => robots.verify(message('https://other.example.com/page'))), 'signature_invalid')
    },
    async '13 digests of content'() {
      const bytes = new TextEncoder().encode('{"hello": "world"}\n')
      const value = await contentDigest(bytes, 'sha-256', 'sha-512')
      equal(value.startsWith('sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:, sha-512=:'), true, value)
      equal(await checkDigest(value, bytes), 'right')
      equal(await checkDigest(value, bytes.subarray(1)), 'wrong')
      equal(wantedDigest('sha-512=3, sha-256=10'), 'sha-256')
    },
  }
}
