import fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { type ClientEvent, createClient } from '../../src/index.ts'
import { kinds } from './kinds.ts'
import { leaks } from './sinks.ts'
import '../../src/http/next-hop.ts'
import '../../src/throttle/header-fields.ts'

// Servers that answer anything at all: whatever comes, a request ends, its credentials stay where they belong, and nothing is left.

const SECRET = 'Zq7_kV3wX~canary.0123456789'
const HOME = 'https://api.example.com'
const HOUR = 3_600_000

const anyText = fc.string({ maxLength: 12 }).filter(sendable)
const field = (...values: string[]) => fc.oneof(fc.constantFrom(...values), anyText)
const fields = fc.record(
  {
    location: field('/next', '//evil.example', 'https://evil.example/', '\\\\evil.example', `${HOME}@evil.example/`, 'javascript:alert(1)', 'http://api.example.com/', '?a=1', ':'), // biome-ignore format: one line
    'retry-after': field('0', '1', '3', '-1', '1e9', '99999999999', 'Thu, 01 Jan 2070 00:00:00 GMT', '1, 2'),
    'x-ratelimit-remaining': field('0', '1', '595', '-3', '1e400'),
    'x-ratelimit-limit': field('0', '60', '9'.repeat(30)),
    'x-ratelimit-reset': field('0', '5', '1784000000', '1784000000000', '2'.repeat(20)),
    ratelimit: field('"a";r=0;t=4', '"a";r=0', 'limit=1, remaining=0, reset=2', '"a";r=-1;t=-1'),
    date: field('Thu, 01 Jan 1970 00:00:00 GMT', 'Sat, 28 Nov 2026 12:00:00 GMT'),
    'www-authenticate': field('Bearer error="invalid_token"', 'Digest realm="r", nonce="n", qop="auth"', 'DPoP error="use_dpop_nonce"', 'Digest ,,='), // biome-ignore format: one line
    'content-type': field('application/json', 'application/problem+json'),
    'x-should-retry': field('true', 'false'),
  },
  { requiredKeys: [] },
)
const content = fc.constantFrom('', '{"error":"invalid_token"}', '{"code":"insufficient_quota"', 'x'.repeat(100_000))
const answer = fc.oneof(
  fc.record({
    status: fc.constantFrom(200, 204, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 408, 413, 425, 429, 500, 503, 599), // biome-ignore format: one line
    fields,
    content,
    breaks: fc.constantFrom('no', 'no', 'no', 'stalls', 'breaks off'),
  }),
  fc.constantFrom('dropped', 'silent', 'no response', 'an error response'),
)
type Answer = typeof answer extends fc.Arbitrary<infer T> ? T : never

const options = fc.record(
  {
    crossOrigin: fc.constantFrom('error' as const, 'strip' as const),
    maxWait: fc.constantFrom(0, 1000, 60_000),
    totalTimeout: fc.constantFrom(false as const, 500, 30_000),
    idempotencyKey: fc.constant(true as const),
    retry: fc.oneof(fc.constantFrom(0, 3), fc.constant({ retryOnTimeout: true, shouldRetry: () => undefined })),
  },
  { requiredKeys: [] },
)
const call = fc.record({
  method: fc.constantFrom('GET', 'POST', 'DELETE'),
  redirect: fc.constantFrom('follow' as const, 'manual' as const, 'error' as const, undefined),
  abortAfter: fc.constantFrom(0, 1, 700, undefined, undefined, undefined),
  face: fc.constantFrom('fetch', 'client'),
})

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'], now: Date.UTC(2026, 10, 28, 12) })
})
afterEach(() => {
  vi.useRealTimers()
})

// No clock of the platform: what the strategies cannot tell to be fake would be answered by a real server.
const local = Object.entries(kinds).filter(([name]) => !/client|refresh|assertion|exchanged|subject/.test(name))

it.each(local)('%s: a request to a server of garbage ends, leaks nothing, and leaves nothing', async (_, kind) => {
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 6 }), options, call, async (answers, own, asked) => {
      const strayed: string[] = []
      const events: ClientEvent[] = []
      let sent = 0
      const transport = async (input: unknown, init?: RequestInit) => {
        const request = input as Request
        if (new URL(request.url).origin !== HOME && leaks([...request.headers.values()], SECRET).length)
          strayed.push(request.url)
        return respond(request, answers[sent++ % answers.length] as Answer, init?.signal)
      }
      const settings = { auth: kind(SECRET), origins: [HOME], fetch: transport as never, onEvent: (event: ClientEvent) => void events.push(event), ...own } // biome-ignore format: one line
      const control = new AbortController()
      const init = {
        method: asked.method,
        ...(asked.method === 'POST' && { body: 'content' }),
        ...(asked.redirect && { redirect: asked.redirect }),
        signal: control.signal,
      }
      if (asked.abortAfter !== undefined) setTimeout(() => control.abort(new Error('enough')), asked.abortAfter)
      const face = asked.face === 'fetch' ? createFetch(settings) : createClient(settings)
      let outcome: unknown
      const ended = Promise.resolve(face(`${HOME}/start`, init)).then(
        (response) => {
          outcome = response
          control.abort()
          return response.text().catch(() => {})
        },
        (error) => {
          outcome = error
        },
      )
      const end = { yet: false }
      void ended.then(() => {
        end.yet = true
      })
      // Fake time runs beside real time, which cryptography takes.
      const late = process.hrtime.bigint() + 10_000_000_000n
      for (let second = 0; !end.yet && process.hrtime.bigint() < late; second++) {
        await vi.advanceTimersByTimeAsync(second < 100 ? 1000 : HOUR / 10)
        await new Promise(setImmediate)
      }
      expect(end.yet, 'it ended').toBe(true)
      expect(strayed).toEqual([])
      expect(sent).toBeLessThan(60)
      expect(leaks([outcome, ...events], SECRET)).toEqual([])
      await vi.advanceTimersByTimeAsync(HOUR)
      expect(vi.getTimerCount(), 'timers left').toBe(0)
    }),
    { numRuns: 60 },
  )
})

function respond(request: Request, said: Answer, signal: AbortSignal | null | undefined): Promise<Response> | Response {
  if (said === 'dropped') throw new TypeError(`fetch failed: ${request.url} ${[...request.headers]}`)
  if (said === 'no response') return undefined as never
  if (said === 'an error response') return Response.error()
  if (said === 'silent')
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }))
  const { status, fields, content, breaks } = said
  const headers = fields as Record<string, string>
  if (status === 204 || status === 304) return new Response(null, { status, headers })
  return new Response(breaks === 'no' ? content : stopping(content, breaks, signal), { status, headers })
}

function stopping(content: string, how: string, signal: AbortSignal | null | undefined) {
  return new ReadableStream({
    start(controller) {
      signal?.addEventListener('abort', () => controller.error(signal.reason), { once: true })
      controller.enqueue(new TextEncoder().encode(content))
    },
    pull(controller) {
      if (how === 'breaks off') controller.error(new TypeError('terminated'))
    },
  })
}

function sendable(value: string) {
  try {
    return Boolean(new Headers({ a: value }))
  } catch {
    return false
  }
}
