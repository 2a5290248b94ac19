import fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { memoryStore } from '../../src/index.ts'
import { refreshToken } from '../../src/oauth/oauth.ts'

// Random lives of one session: several holders, a server that rotates, and all that can happen between them. As long as no answer
// is lost for good, nobody is ever signed out, no refresh token is spent twice, and once the trouble is over every call succeeds.

const API = 'https://api.example.com'
const ISSUER = 'https://login.example.com'
const TTL = 100
const HOUR = 3_600_000

/** What a token request meets: `before` the server did its part, or after. */
const trouble = fc.record({
  how: fc.constantFrom('500', '429', '503 with a rest', 'html', 'dropped', 'silent', 'nonsense'),
  after: fc.boolean(),
})
type Trouble = typeof trouble extends fc.Arbitrary<infer T> ? T : never

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ calls: fc.integer({ min: 1, max: 12 }), holder: fc.nat(2), abort: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ wait: fc.constantFrom(0, 1, 300, 5000, 79_000, 85_000, 100_000, 101_000, 400_000) }),
  },
  { weight: 2, arbitrary: fc.record({ trouble }) },
  { weight: 1, arbitrary: fc.record({ revoke: fc.constant(true) }) },
  { weight: 1, arbitrary: fc.record({ restart: fc.nat(2) }) },
)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** `strict` ends the session when a spent refresh token comes again; `grace` gives again what the last one gave. */
function authorizationServer(habit: 'strict' | 'grace') {
  const good = new Map<string, number>()
  const troubles: Trouble[] = []
  const faults = { spentTwice: 0, tooEarly: 0, atOnce: 0, dead: false }
  const state = { troubles, faults, revoke: () => good.clear(), fetch }
  let restsUntil = 0
  let underWay = 0
  let current = 'refresh-0'
  let previous = ''
  let count = 0
  return state

  async function fetch(input: unknown, init?: RequestInit): Promise<Response> {
    const url = new URL(input instanceof Request ? input.url : String(input))
    if (url.origin === API) {
      const token = (input as Request).headers.get('authorization')?.replace('Bearer ', '') ?? ''
      const known = (good.get(token) ?? 0) > Date.now()
      return known
        ? new Response(token)
        : new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
    }
    if (Date.now() < restsUntil) faults.tooEarly++
    if (underWay++) faults.atOnce++
    try {
      return await tokens(init)
    } finally {
      underWay--
    }
  }

  async function tokens(init?: RequestInit): Promise<Response> {
    await new Promise((resolve) => setTimeout(resolve, 20))
    const met = troubles.shift()
    if (met && RESTS[met.how]) restsUntil = Date.now() + (RESTS[met.how] as number)
    if (met && !met.after) return answer(met, init?.signal)
    const given = new URLSearchParams(String(init?.body)).get('refresh_token') ?? ''
    const again = habit === 'grace' && given === previous
    if (faults.dead || (given !== current && !again)) {
      if (given === previous) faults.spentTwice++
      faults.dead = true
      return Response.json({ error: 'invalid_grant' }, { status: 400 })
    }
    const access = `access-${++count}`
    good.set(access, Date.now() + TTL * 1000)
    if (!again) {
      previous = current
      current = `refresh-${count}`
    }
    if (met) return answer(met, init?.signal)
    return Response.json({ access_token: access, token_type: 'Bearer', expires_in: TTL, refresh_token: current })
  }
}

/** Milliseconds it asks for. */
const RESTS: Partial<Record<Trouble['how'], number>> = { 429: 2000, '503 with a rest': 90_000 }

function answer({ how }: Trouble, signal: AbortSignal | null | undefined): Response | Promise<Response> {
  if (how === '500') return new Response('oops', { status: 500 })
  if (how === '429') return new Response('{}', { status: 429, headers: { 'retry-after': '2' } })
  if (how === '503 with a rest') return new Response('', { status: 503, headers: { 'retry-after': '90' } })
  if (how === 'html') return new Response('<p>', { status: 200, headers: { 'content-type': 'text/html' } })
  if (how === 'nonsense') return Response.json({ token: 1 })
  if (how === 'dropped') throw new TypeError('fetch failed')
  return new Promise((_, reject) => {
    const late = () => reject(new DOMException('late', 'TimeoutError'))
    // `AbortSignal.timeout` runs on real time.
    setTimeout(late, 10_000)
    signal?.addEventListener('abort', late, { once: true })
  })
}

it.each(['strict', 'grace'] as const)(
  'B1 B8 B13 B14 at a server that is %s, no fate signs anybody out',
  async (habit) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
        const as = authorizationServer(habit)
        const store = memoryStore()
        const open = () =>
          createFetch({
            origins: [API],
            fetch: as.fetch as never,
            limits: 'none',
            retry: 0,
            auth: refreshToken({
              issuer: ISSUER,
              metadata: { token_endpoint: `${ISSUER}/token` },
              clientId: 'app',
              refreshToken: 'refresh-0',
              store,
              fetch: as.fetch as never,
            }),
          })
        const holders = [open(), open(), open()]
        const outcomes: Promise<unknown>[] = []
        const call = (holder: number, signal?: AbortSignal) => {
          const outcome = holders[holder]?.(API, signal && { signal }).then(({ status }) => status, (error) => (error.name === 'AbortError' ? error.name : error.code)) // biome-ignore format: one line
          outcomes.push(outcome as Promise<unknown>)
          return outcome
        }

        for (const one of steps) {
          if ('calls' in one) {
            const control = new AbortController()
            for (let i = 0; i < one.calls; i++) void call(one.holder, one.abort && i === 0 ? control.signal : undefined)
            if (one.abort) setTimeout(() => control.abort(), 10)
          } else if ('wait' in one) await pass(one.wait)
          else if ('revoke' in one) as.revoke()
          else if ('restart' in one) holders[one.restart] = open()
          // A strict server that did its part and whose answer was lost has signed the user out itself.
          else as.troubles.push(habit === 'strict' ? { ...one.trouble, after: false } : one.trouble)
        }
        const settled = Promise.all(outcomes)
        await settles(settled)
        as.troubles.length = 0
        await pass(2 * HOUR)
        const last = [0, 1, 2].map((holder) => call(holder))
        await settles(Promise.all(last))

        expect(await Promise.all(last)).toEqual([200, 200, 200])
        expect(as.faults).toEqual({ spentTwice: 0, tooEarly: 0, atOnce: 0, dead: false })
        for (const outcome of await settled) expect([200, 401, 'token_unavailable', 'AbortError']).toContain(outcome)
      }),
      { numRuns: 100 },
    )
  },
)

/** Fake time, and as much real time as the hashes take. */
async function pass(duration: number): Promise<void> {
  for (let left = duration; left >= 0; left -= 1000) {
    await vi.advanceTimersByTimeAsync(Math.min(left, 1000))
    if (left % 10_000 < 1000) await new Promise(setImmediate)
  }
  await new Promise(setImmediate)
}

async function settles(work: Promise<unknown>): Promise<void> {
  const end = { yet: false }
  void work.then(() => {
    end.yet = true
  })
  const late = process.hrtime.bigint() + 10_000_000_000n
  while (!end.yet && process.hrtime.bigint() < late) await pass(500)
  expect(end.yet, 'everybody was answered').toBe(true)
}
