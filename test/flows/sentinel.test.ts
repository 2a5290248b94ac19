import { format } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import {
  type Auth,
  type ClientOptions,
  createClient,
  createLimiter,
  explain,
  type Fetch,
  type Limiter,
  Secret,
} from '../../src/index.ts'
import { redisLimiter } from '../../src/throttle/redis/redis.ts'
import { tabLimiter } from '../../src/throttle/tabs/tabs.ts'
import { serve } from '../servers/raw.ts'
import { kinds } from './kinds.ts'
import { leaks } from './sinks.ts'

const SENTINEL = 'Zq7_kV3wX~canary.0123456789'
const given = [SENTINEL, new Secret(SENTINEL), async () => new Secret(SENTINEL)]

/** What a caller, a hook, a listener or a limiter came to see. */
type Seen = unknown[]
type Way = (base: ClientOptions & { auth: Auth }, seen: Seen) => Promise<unknown>

const platform: Fetch = (input, init) => globalThis.fetch(input, init)
const server = (status: number, headers: Record<string, string> = {}, body = '{"error":"no"}') =>
  serve(() => ({ status, headers: { 'content-type': 'application/json', ...headers }, body }))

// A password is used only where somebody asks for it.
const CHALLENGE = 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5, Bearer'

/** Every way to fail, and what it shows. */
const ways: Record<string, Way> = {
  ...Object.fromEntries(
    [200, 400, 401, 403, 404, 500].map((status): [string, Way] => [
      `the answer ${status}`,
      async (base, seen) =>
        ask(
          { ...base, retry: 0, baseUrl: await server(status, { 'set-cookie': 's=1', 'www-authenticate': CHALLENGE }) },
          seen,
        ),
    ]),
  ),
  'a retry that decides by the answer': async (base, seen) => {
    const retry = {
      limit: 1,
      delay: () => 1,
      methods: ['get', 'post'],
      shouldRetry: async (state: { response: Response | undefined; error: unknown }) => {
        seen.push(state.response, state.response && (await state.response.clone().text()), state.error)
        return true
      },
    }
    await ask({ ...base, retry, baseUrl: await server(400) }, seen)
  },
  'nobody listens': (base, seen) => ask({ ...base, retry: 0, baseUrl: 'http://127.0.0.1:1' }, seen),
  'a broken answer': async (base, seen) => {
    const { createServer } = await import('node:net')
    const net = createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 2\u0000 garbage\r\n\r\n')))
    await new Promise<void>((resolve) => net.listen(0, '127.0.0.1', resolve))
    const { port } = net.address() as { port: number }
    await ask({ ...base, retry: 0, baseUrl: `http://127.0.0.1:${port}` }, seen).finally(() => net.close())
  },
  'a platform that quotes the URL': (base, seen) =>
    ask({ ...base, retry: 0, baseUrl: 'http://127.0.0.1:1', fetch: async (input) => { throw new TypeError(`Load failed: ${(input as Request).url}`) } }, seen), // biome-ignore format: one line
  'a platform that quotes the URL in a cause': (base, seen) =>
    ask({ ...base, retry: 0, baseUrl: 'http://127.0.0.1:1', fetch: async (input) => { throw new TypeError('fetch failed', { cause: new Error(`dial ${(input as Request).url}`) }) } }, seen), // biome-ignore format: one line
  'a transport that quotes the headers': (base, seen) =>
    ask({ ...base, retry: 0, baseUrl: 'http://127.0.0.1:1', fetch: async (input) => { throw new Error(JSON.stringify([...(input as Request).headers])) } }, seen), // biome-ignore format: one line
  'a transport that hangs the request on its error': (base, seen) =>
    ask({ ...base, retry: 0, baseUrl: 'http://127.0.0.1:1', fetch: async (input) => { throw Object.assign(new Error('failed'), { request: input, config: { headers: [...(input as Request).headers], url: (input as Request).url } }) } }, seen), // biome-ignore format: one line
  'a transport that throws at once': (base, seen) =>
    ask({ ...base, retry: 0, baseUrl: 'http://127.0.0.1:1', fetch: (input) => { throw new Error(`no ${(input as Request).url} ${(input as Request).headers.get('authorization')}`) } }, seen), // biome-ignore format: one line
  'a transport with a timeout of its own': (base, seen) =>
    ask({ ...base, retry: 0, baseUrl: 'http://127.0.0.1:1', fetch: async (input) => { throw new DOMException(`late: ${(input as Request).url}`, 'TimeoutError') } }, seen), // biome-ignore format: one line
  'a timeout': async (base, seen) => {
    const baseUrl = await serve(() => new Promise(() => {}))
    await ask({ ...base, retry: 0, timeout: 20, baseUrl }, seen)
  },
  'a total timeout': async (base, seen) => {
    const baseUrl = await serve(() => new Promise(() => {}))
    await ask({ ...base, retry: 0, totalTimeout: 20, baseUrl }, seen)
  },
  'an abort': async (base, seen) => {
    const baseUrl = await serve(() => new Promise(() => {}))
    const run = (call: (signal: AbortSignal) => PromiseLike<unknown>) => {
      const control = new AbortController()
      setTimeout(() => control.abort(), 10)
      return catching(() => call(control.signal), seen)
    }
    await run((signal) => createFetch(ours({ ...base, baseUrl }))('/', { signal }))
    await run((signal) => createClient({ ...base, baseUrl }).get('a', { signal }))
  },
  'a rate limit': async (base, seen) => {
    const baseUrl = await server(429, { 'retry-after': '100' })
    await ask({ ...base, maxWait: 10, baseUrl }, seen)
  },
  'a rate limit that tabs tell one another': async (base, seen) => {
    const listener = new BroadcastChannel('latchkey limits')
    const heard: unknown[] = []
    listener.onmessage = (event) => void heard.push((event as MessageEvent).data)
    const baseUrl = await server(429, { 'retry-after': '100', 'x-ratelimit-remaining': '0' })
    await ask({ ...base, maxWait: 10, baseUrl, limiter: tabLimiter({ identity: 'user' }) }, seen)
    for (let i = 0; !heard.length && i < 200; i++) await new Promise((resolve) => setTimeout(resolve, 5))
    listener.close()
    expect(heard).not.toEqual([])
    seen.push(...heard)
  },
  'a rate limit that a fleet keeps in Redis': async (base, seen) => {
    const client = {
      // A Redis where nobody else is: what is swapped in stays.
      eval: async (...call: unknown[]) => {
        seen.push(call)
        return ['v1', String(Date.now() * 1000)]
      },
    }
    const baseUrl = await server(429, { 'retry-after': '100', 'x-ratelimit-remaining': '0' })
    const limiter = redisLimiter({ client: client as never, identity: 'fleet' })
    await ask({ ...base, maxWait: 10, baseUrl, limiter }, seen)
    expect(seen.some((one) => JSON.stringify(one)?.includes('members'))).toBe(true)
  },
  'another origin': async (base, seen) => {
    const options = { ...base, baseUrl: 'https://api.example.com' }
    await catching(() => createFetch(ours(options))('https://other.example.com/'), seen)
    await catching(() => createClient(options).post('https://other.example.com/', { json: {} }), seen)
  },
  'clear text': (base, seen) => ask({ ...base, baseUrl: 'http://api.example.com' }, seen),
  'a redirect elsewhere': async (base, seen) => {
    const baseUrl = await serve(({ target }) => ({ status: 302, headers: { location: `http://127.0.0.1:1${target}` } }))
    await ask({ ...base, baseUrl }, seen)
  },
  'a redirect that is handed up': async (base, seen) => {
    const baseUrl = await server(302, { location: '/b' })
    await ask({ ...base, baseUrl, redirect: 'manual' }, seen)
  },
  'a redirect that loops': async (base, seen) => {
    const baseUrl = await serve(({ target }) => ({ status: 302, headers: { location: target } }))
    await ask({ ...base, baseUrl }, seen)
  },
  'a redirect that is followed': async (base, seen) => {
    const baseUrl = await serve(({ target }) => target.startsWith('/b') ? { body: '{}' } : { status: 303, headers: { location: `/b${target}` } }) // biome-ignore format: one line
    await ask({ ...base, baseUrl }, seen)
  },
  'an answer that is no JSON': async (base, seen) => {
    const client = createClient({ ...base, baseUrl: await server(200, {}, 'no json') })
    await catching(() => client.get('a').json(), seen)
    seen.push(client, client.limits())
  },
  'content that cannot be signed, and a method without content': async (base, seen) => {
    const fetch = createFetch(ours({ ...base, baseUrl: 'https://api.example.com', fetch: async () => new Response() }))
    await catching(() => fetch('/', { method: 'POST', body: new Blob(['x']).stream() }), seen)
    await catching(() => fetch('/', { method: 'GET', body: 'x' }), seen)
  },
  'a conflict of strategies': async (base, seen) => {
    const auth = [base.auth, base.auth].flat().filter((strategy) => strategy !== false)
    await catching(async () => createClient({ baseUrl: 'https://api.example.com', auth }), seen)
    await catching(async () => createClient({ auth }), seen)
    await catching(async () => createClient({ auth, baseURL: 'x' } as object), seen)
  },
  'a listener that throws': async (base, seen) => {
    const onEvent = (event: unknown) => {
      seen.push(event)
      throw event
    }
    await ask({ ...base, onEvent, retry: 0, baseUrl: await server(404) }, seen)
  },
}

function ours({ hooks, redirect, ...options }: ClientOptions): object {
  return options
}

async function catching(call: () => PromiseLike<unknown>, seen: Seen): Promise<void> {
  try {
    const value = await call()
    seen.push(value, await explain(value))
    // What people do with what they get.
    console.log(value)
  } catch (error) {
    seen.push(error, await explain(error))
    console.error(error)
  }
}

/** The same through every face, with everybody looking. */
async function ask(options: ClientOptions, seen: Seen): Promise<void> {
  const look = (state: unknown) => {
    seen.push(state)
    console.log(state)
  }
  const hooks = {
    beforeRequest: [look],
    afterResponse: [look],
    beforeError: [look],
  } as NonNullable<ClientOptions['hooks']>
  const all = { ...options, hooks }
  const client = createClient(all)
  const fetch = createFetch(ours({ ...options }))
  const { redirect } = options
  await catching(() => client.post('a?q=1', { json: { n: 1 } }), seen)
  await catching(() => client.get('a').json(), seen)
  await catching(() => fetch('/a', { method: 'POST', body: 'n=1', ...(redirect && { redirect }) }), seen)
  seen.push(client, client.extend({}), client.limits(), fetch)
}

/** The built-in limiter, with somebody who looks at every call. */
function watched(seen: Seen): Limiter {
  const limiter = createLimiter()
  return {
    run(call, send) {
      seen.push(call)
      return limiter.run(call, send)
    },
    limits: () => limiter.limits?.() ?? [],
  }
}

const written: string[] = []
beforeEach(() => {
  written.length = 0
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((text) => Boolean(written.push(String(text))))
  for (const method of ['log', 'error'] as const)
    vi.spyOn(console, method).mockImplementation((...values) => void written.push(format(...values)))
})
afterEach(() => vi.restoreAllMocks())

for (const [turn, [kind, strategy]] of Object.entries(kinds).entries())
  describe(`9 ${kind} shows nowhere`, () => {
    for (const [index, [way, run]] of Object.entries(ways).entries())
      it(`when there is ${way}`, async () => {
        // Each way meets each form that a credential may be given in, with one kind or another.
        for (const value of [given[(index + turn) % given.length]!]) {
          const seen: Seen = []
          const base = {
            auth: strategy(value),
            onEvent: (event: unknown) => void seen.push(event),
            limiter: watched(seen),
            fetch: platform,
          }
          await run(base, seen)
          seen.push(base.auth)
          expect(seen.length).toBeGreaterThan(1)
          expect(leaks(seen, SENTINEL)).toEqual([])
        }
        expect(leaks(written, SENTINEL)).toEqual([])
      })

    it('when the function that gives it fails, or gives what cannot be sent', async () => {
      const bad = [
        () => { throw new Error(`vault: ${SENTINEL}`) },
        async () => { throw Object.assign(new Error(), { secret: SENTINEL }) },
        () => `${SENTINEL}\r\n\u0000`,
        async () => new Secret(`${SENTINEL}\n\u{1f511}\u0000`),
        () => ({ secret: SENTINEL }) as unknown as string,
        () => [SENTINEL] as unknown as string,
      ] // biome-ignore format: a list
      for (const value of bad) {
        const seen: Seen = []
        await ask({ auth: strategy(value), baseUrl: 'http://127.0.0.1:1', retry: 0 }, seen)
        expect(leaks(seen, SENTINEL)).toEqual([])
      }
      for (const value of [`${SENTINEL}\r\n\u0000`, new Secret(`${SENTINEL}\n\u0000`)]) {
        const seen: Seen = []
        await catching(async () => strategy(value), seen)
        expect(leaks(seen, SENTINEL)).toEqual([])
      }
      expect(leaks(written, SENTINEL)).toEqual([])
    })
  })

describe('9 the search itself', () => {
  const secret = SENTINEL
  const visible: [string, unknown][] = [
    ['a message', new Error(`bad ${secret}`)],
    ['a property', Object.assign(new Error(), { a: { b: { c: secret } } })],
    ['a hidden property', Object.defineProperty({}, 'a', { value: secret })],
    ['a symbol', { [Symbol('a')]: secret }],
    ['a cause of a cause', new Error('', { cause: new Error('', { cause: secret }) })],
    ['an array', [[[secret]]]],
    ['a map', new Map([[1, secret]])],
    ['a Request', new Request('http://a', { headers: { authorization: `Basic ${btoa(`ada:${secret}`)}` } })],
    ['a URL', new URL(`http://a/?a=${encodeURIComponent(secret)}`)],
    ['base64 at another offset', Buffer.from(`ab${secret}`).toString('base64')],
    ['its first eight characters', secret.slice(0, 8)],
    ['hex', Buffer.from(secret).toString('hex')],
  ]
  for (const [what, value] of visible) it(`finds it in ${what}`, () => expect(leaks([value], secret)).not.toEqual([]))
  it('finds nothing in a Secret', () =>
    expect(leaks([new Secret(secret), { a: new Secret(secret) }], secret)).toEqual([]))
})
