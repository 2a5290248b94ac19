// Run by refusals.test.ts in a process of its own: every refusal with every kind of body, then exit.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { apiKey, createClient } from '../../src/index.ts'

const server = createServer((request, response) => {
  request.resume()
  request.on('error', () => {})
  if (request.url === '/slow') return
  if (request.url === '/limited') response.writeHead(429, { 'retry-after': '100' }).end()
  else if (request.url === '/away') response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end()
  else response.end('{}')
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

function form(size = 100_000): FormData {
  const data = new FormData()
  data.set('text', 'x')
  data.set('file', new Blob([new Uint8Array(size)]), 'file')
  return data
}

const stream = () => new Blob([new Uint8Array(100_000)]).stream()
const bodies: Record<string, () => BodyInit | (() => ReadableStream<Uint8Array>)> = {
  none: () => '',
  text: () => 'text',
  bytes: () => new Uint8Array(100_000),
  blob: () => new Blob([new Uint8Array(100_000)]),
  form,
  // Longer than what is kept of a Request for another attempt.
  'long form': () => form(2_000_000),
  'long blob': () => new Blob([new Uint8Array(2_000_000)]),
  parameters: () => new URLSearchParams({ a: 'b' }),
  stream,
  'stream opened anew': () => stream,
  'stream that fails': () => new ReadableStream({ pull: (controller) => controller.error(new Error('broken')) }),
}

type Init = RequestInit & { body?: unknown }
type Send = (path: string, options: object) => PromiseLike<unknown>
const auth = apiKey({ name: 'X-API-Key', value: 'key-for-nothing' })
const client = createClient({ baseUrl, auth, retry: 0 })
const { fetch } = client

/** The body through each face, and inside a Request. */
function* senders(make: () => unknown): Generator<[string, Send]> {
  const init = (): Init => ({ method: 'POST', body: make() as BodyInit })
  const requestTo = (path: string) => new Request(new URL(path, baseUrl), { ...init(), duplex: 'half' } as RequestInit)
  yield ['client', (path, options) => client(path, { ...init(), ...options } as object)]
  yield ['fetch', (path, options) => fetch(path, { ...init(), ...options } as RequestInit)]
  if (typeof make() === 'function') return
  yield ['client, Request', (path, options) => client(requestTo(path), options)]
  yield ['fetch, Request', (path, options) => fetch(requestTo(path), options)]
}

const refusals: Record<string, (send: Send) => PromiseLike<unknown>> = {
  origin: (send) => send('https://other.example.com/', {}),
  option: (send) => send('/', { timeout: -1 }),
  name: (send) => send('/', { prefixUrl: '/' }),
  method: (send) => send('/', { method: 'GET' }),
  header: (send) => send('/', { headers: { a: 'b\nc' } }),
  strategy: (send) => send('/', { auth: [auth, auth] }),
  credential: (send) => send('/', { auth: apiKey({ name: 'X', value: () => '' }) }),
  'user information': (send) => send(baseUrl.replace('//', '//ada:pw@'), {}),
  'aborted before': (send) => send('/', { signal: AbortSignal.abort() }),
  maxWait: (send) => send('/limited', { maxWait: 1, auth: apiKey({ name: 'X', value: 'limited' }) }),
  redirect: (send) => send('/away', {}),
  'redirect error': (send) => send('/away', { redirect: 'error' }),
  'redirect strip': (send) => send('/away', { crossOrigin: 'strip' }),
  timeout: (send) => send('/slow', { timeout: 15 }),
  totalTimeout: (send) => send('/slow', { totalTimeout: 15 }),
  'nobody listens': (send) => send('http://127.0.0.1:1/', { auth: false }),
  ...Object.fromEntries(
    Array.from({ length: 12 }, (_, turns) => [
      `abort after ${turns} turns`,
      async (send: Send) => {
        const control = new AbortController()
        const answer = Promise.resolve(send('/slow', { signal: control.signal }))
        for (let turn = 0; turn < turns; turn++) await undefined
        control.abort()
        await answer
      },
    ]),
  ),
  'abort on the wire': async (send) => {
    const control = new AbortController()
    setTimeout(() => control.abort(), 10)
    await send('/slow', { signal: control.signal })
  },
}

// The gate of this strategy is closed from here on: whoever has it is held back, without a request.
const gated = apiKey({ name: 'X', value: 'limited' })
await fetch('/limited', { auth: gated, maxWait: 1 })
refusals.gate = (send) => send('/', { auth: gated, maxWait: 1 })

let calls = 0
const sent: string[] = []
for (const [kind, make] of Object.entries(bodies))
  for (const [reason, refuse] of Object.entries(refusals))
    for (const [face, send] of senders(make)) {
      if (kind === 'none' && reason === 'method' && face.endsWith('Request')) continue
      calls++
      await Promise.resolve()
        .then(() => refuse(send))
        .then(
          (value) => {
            if (!/^redirect strip|^maxWait/.test(reason))
              sent.push(`${reason} ${kind} ${face}: ${(value as Response)?.status}`)
          },
          () => {},
        )
    }

// Several at once, all stopped together: 100 forms on their way.
const control = new AbortController()
const many = Array.from({ length: 100 }, () => fetch('/slow', { method: 'POST', body: form(), signal: control.signal }))
setTimeout(() => control.abort(), 30)
await Promise.allSettled(many)

// What a platform throws late, it throws after this.
globalThis.gc?.()
await new Promise((resolve) => setTimeout(resolve, 100))
server.closeAllConnections()
server.close()
process.stdout.write(JSON.stringify({ calls, sent }))
