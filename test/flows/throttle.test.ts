import { getEventListeners } from 'node:events'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import {
  apiKey,
  type ClientEvent,
  type CreateOptions,
  createClient,
  HTTPError,
  RateLimitError,
} from '../../src/index.ts'
import { api, inOrder, limited } from '../servers/api.ts'
import { ownTimers } from '../servers/timers.ts'

const auth = () => apiKey({ name: 'X-Key', value: 'key' })

/** A transport that answers by a script on fake time, where real time would be too long. */
function scripted(script: (request: Request, index: number) => Response | Promise<Response>) {
  const sent: { at: number; request: Request; inFlight: number }[] = []
  let inFlight = 0
  const transport = async (input: string | URL | Request) => {
    const request = input as Request
    sent.push({ at: performance.now(), request, inFlight: ++inFlight })
    try {
      return await script(request, sent.length - 1)
    } finally {
      inFlight--
    }
  }
  return { sent, transport }
}

const URL_ = 'https://api.example.com/'
const throttled = (headers: Record<string, string> = {}) => new Response('slow down', { status: 429, headers })
const fetchOver = (transport: CreateOptions['fetch'], options: CreateOptions = {}) =>
  createFetch({ baseUrl: URL_, auth: auth(), fetch: transport as never, ...options })

describe('on fake time', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
  })

  const date = (ms: number) => new Date(ms).toUTCString()
  /** What waits for anything fails, and does not hang: nobody moves the clock. */
  const atOnce = <T>(work: Promise<T>) =>
    Promise.race([work, vi.advanceTimersByTimeAsync(100).then(() => Promise.reject(new Error('It waits.')))])

  it.each([
    ['120', 120_000],
    [' 3 ', 3000],
    ['1.5', 1500],
    ['2, 30', 30_000],
  ])('T1 waits out Retry-After %j, never early', async (value, wait) => {
    const { sent, transport } = scripted((_, index) =>
      index ? new Response('ok') : throttled({ 'retry-after': value }),
    )
    const answer = fetchOver(transport, { maxWait: 600_000 })(URL_)
    await vi.advanceTimersByTimeAsync(wait - 1)
    expect(sent).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(Math.min(wait * 0.1, 1000) + 2)
    expect(sent).toHaveLength(2)
    expect((await answer).status).toBe(200)
  })

  it.each(['imf', 'rfc850', 'asctime', 'iso'])(
    'T1 waits until a date in the form %s, by the clock of the server that wrote it',
    async (form) => {
      // The server is an hour ahead of this machine.
      const server = Date.now() + 3_600_000
      const at = new Date(Math.ceil(server / 1000) * 1000 + 30_000)
      const [day, d, mon, y, time] = at.toUTCString().replace(',', '').split(' ') as [
        string,
        string,
        string,
        string,
        string,
      ]
      const text = {
        imf: at.toUTCString(),
        rfc850: `${day}day, ${d}-${mon}-${y.slice(2)} ${time} GMT`,
        asctime: `${day} ${mon} ${d.replace(/^0/, ' ')} ${time} ${y}`,
        iso: at.toISOString(),
      }[form] as string
      const { sent, transport } = scripted((_, index) =>
        index ? new Response('ok') : throttled({ 'retry-after': text, date: date(server) }),
      )
      const answer = fetchOver(transport)(URL_)
      await vi.advanceTimersByTimeAsync(29_000)
      expect(sent).toHaveLength(1)
      await vi.advanceTimersByTimeAsync(5000)
      expect((await answer).status).toBe(200)
      expect(sent).toHaveLength(2)
    },
  )

  it.each([
    ['413', 413, '2'],
    ['503', 503, '2'],
    ['403 that says when', 403, '2'],
  ])('T1 holds a scope back after %s', async (_, status, retryAfter) => {
    const { sent, transport } = scripted((_request, index) =>
      index ? new Response('ok') : new Response('no', { status, headers: { 'retry-after': retryAfter } }),
    )
    const fetch = fetchOver(transport)
    const answers = [fetch(URL_)]
    await vi.advanceTimersByTimeAsync(100)
    answers.push(fetch(URL_))
    await vi.advanceTimersByTimeAsync(1899)
    expect(sent).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(2000)
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200])
  })

  it.each(['-5', '1e3', 'soon', 'NaN', ''])(
    'T2 takes the invalid hint %j as absent: its own backoff',
    async (value) => {
      const { sent, transport } = scripted((_, index) =>
        index ? new Response('ok') : throttled({ 'retry-after': value }),
      )
      const answer = fetchOver(transport)(URL_)
      await vi.advanceTimersByTimeAsync(299)
      expect(sent).toHaveLength(1)
      await vi.advanceTimersByTimeAsync(100)
      expect((await answer).status).toBe(200)
    },
  )

  it.each([
    ['0', {}],
    ['Thu, 01 Jan 2015 00:00:00 GMT', {}],
    ['1000000000', {}],
    ['0', { limits: 'none' }],
  ] as const)('T2 does not loop without delay on %j, with %o', async (value, options) => {
    const { sent, transport } = scripted(() => throttled({ 'retry-after': value }))
    const answer = fetchOver(transport, options)(URL_)
    await vi.advanceTimersByTimeAsync(5000)
    expect(sent.length).toBeGreaterThan(1)
    expect(sent.length).toBeLessThanOrEqual(5)
    await vi.advanceTimersByTimeAsync(1_000_000)
    expect((await answer).status).toBe(429)
  })

  it('T3 reads retry-after-ms before Retry-After', async () => {
    const { sent, transport } = scripted((_, index) =>
      index ? new Response('ok') : throttled({ 'retry-after-ms': '1500', 'retry-after': '30' }),
    )
    const answer = fetchOver(transport)(URL_)
    await vi.advanceTimersByTimeAsync(1499)
    expect(sent).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(200)
    expect((await answer).status).toBe(200)
  })

  it('T4 hands up its own 429 at once when the wait is longer than maxWait, and refuses others with the time', async () => {
    const { sent, transport } = scripted(() => throttled({ 'retry-after': '3600' }))
    const fetch = fetchOver(transport)
    const first = await atOnce(fetch(URL_))
    expect(first.status).toBe(429)
    expect(await first.text()).toBe('slow down')
    const error = await atOnce(fetch(URL_).catch((reason) => reason))
    expect(error).toBeInstanceOf(RateLimitError)
    expect(error).toMatchObject({ code: 'rate_limited', status: 429 })
    expect(error.retryAfter).toBeGreaterThanOrEqual(3_600_000)
    expect(error.retryAt - Date.now()).toBeGreaterThanOrEqual(3_600_000)
    expect(sent).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('T4 a wait beyond the deadline is refused at once, not waited out', async () => {
    const { sent, transport } = scripted(() => throttled({ 'retry-after': '30' }))
    const fetch = fetchOver(transport, { totalTimeout: 10_000 })
    expect((await atOnce(fetch(URL_))).status).toBe(429)
    await expect(atOnce(fetch(URL_))).rejects.toMatchObject({ code: 'rate_limited' })
    expect(sent).toHaveLength(1)
  })

  it('T4 maxWait can be set for one request', async () => {
    const { sent, transport } = scripted((_, index) =>
      index ? new Response('ok') : throttled({ 'retry-after': '120' }),
    )
    const fetch = fetchOver(transport)
    const patient = fetch(URL_, { maxWait: 200_000 })
    await vi.advanceTimersByTimeAsync(10)
    await expect(atOnce(fetch(URL_, { maxWait: 100 }))).rejects.toBeInstanceOf(RateLimitError)
    await vi.advanceTimersByTimeAsync(125_000)
    expect((await patient).status).toBe(200)
    expect(sent).toHaveLength(2)
  })

  it('T6 one refusal holds the others back; one probe goes first, then two for each answer', async () => {
    let refuse = true
    const { sent, transport } = scripted(async () => {
      if (refuse) return throttled({ 'retry-after': '2' })
      await new Promise((resolve) => setTimeout(resolve, 300))
      return new Response('ok')
    })
    const fetch = fetchOver(transport)
    const first = fetch(URL_)
    await vi.advanceTimersByTimeAsync(1)
    refuse = false
    const others = Array.from({ length: 9 }, () => fetch(URL_))
    await vi.advanceTimersByTimeAsync(1998)
    expect(sent).toHaveLength(1)
    // The probe leaves; until it is answered nobody else does.
    await vi.advanceTimersByTimeAsync(301)
    expect(sent).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(5000)
    expect(sent).toHaveLength(11)
    expect(sent.slice(1).map(({ inFlight }) => inFlight)).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    expect((await Promise.all([first, ...others])).every(({ status }) => status === 200)).toBe(true)
  })

  it('T6 another origin and other credentials are not delayed', async () => {
    const { sent, transport } = scripted((request) =>
      request.headers.get('x-key') === 'limited' && request.url.startsWith(URL_)
        ? throttled({ 'retry-after': '30' })
        : new Response('ok'),
    )
    const key = apiKey({ name: 'X-Key', value: 'limited' })
    const fetch = createFetch({
      origins: [URL_, 'https://other.example.com'],
      auth: key,
      fetch: transport as never,
      retry: 0,
    })
    expect((await fetch(URL_)).status).toBe(429)
    expect((await fetch('https://other.example.com/')).status).toBe(200)
    expect((await fetch(URL_, { auth: apiKey({ name: 'X-Key', value: 'free' }) })).status).toBe(200)
    expect(sent).toHaveLength(3)
  })

  it('T6 already-sent calls are untouched by a refusal', async () => {
    const { sent, transport } = scripted(async (_, index) => {
      if (index === 1) return throttled({ 'retry-after': '30' })
      await new Promise((resolve) => setTimeout(resolve, 100))
      return new Response('ok')
    })
    const fetch = fetchOver(transport, { retry: 0 })
    const slow = fetch(URL_)
    expect((await fetch(URL_)).status).toBe(429)
    await vi.advanceTimersByTimeAsync(100)
    expect((await slow).status).toBe(200)
    expect(sent).toHaveLength(2)
  })

  it('T7 a shorter hint that comes later never shortens the wait', async () => {
    const { sent, transport } = scripted(async (_, index) => {
      if (index === 0) return throttled({ 'retry-after': '20' })
      if (index === 1) {
        await new Promise((resolve) => setTimeout(resolve, 1000))
        return throttled({ 'retry-after': '1' })
      }
      return new Response('ok')
    })
    const fetch = fetchOver(transport)
    const answers = [fetch(URL_), fetch(URL_)]
    await vi.advanceTimersByTimeAsync(19_999)
    expect(sent).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(3000)
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200])
  })

  it('a probe that is refused closes the gate again, for longer', async () => {
    const { sent, transport } = scripted((_, index) =>
      index < 4 ? throttled({ 'retry-after': '1' }) : new Response('ok'),
    )
    const fetch = fetchOver(transport)
    const answers = Array.from({ length: 5 }, () => fetch(URL_))
    await vi.advanceTimersByTimeAsync(0)
    const burst = sent.length
    await vi.advanceTimersByTimeAsync(60_000)
    expect((await Promise.all(answers)).every(({ status }) => status === 200)).toBe(true)
    const probes = sent.slice(burst).map(({ at }) => at)
    for (let i = 1; i < probes.length; i++)
      expect((probes[i] as number) - (probes[i - 1] as number)).toBeGreaterThanOrEqual(50)
  })

  it('T22 adds only positive jitter to what the server said, at most 10 % and 1 s', async () => {
    for (const random of [0, 0.5, 0.999]) {
      vi.spyOn(Math, 'random').mockReturnValue(random)
      const { sent, transport } = scripted((_, index) =>
        index ? new Response('ok') : throttled({ 'retry-after': '30' }),
      )
      const answer = fetchOver(transport)(URL_)
      await vi.advanceTimersByTimeAsync(31_000)
      expect((await answer).status).toBe(200)
      const waited = (sent[1]?.at as number) - (sent[0]?.at as number)
      expect(waited).toBeGreaterThanOrEqual(30_000)
      expect(waited).toBeLessThanOrEqual(31_001)
    }
  })

  it.each([
    ['with the clock of its timers', true],
    ['which its timers slept through', false],
  ])(
    'T26 after a long sleep of the machine, %s, waiting calls still leave one first, then two for each answer',
    async (_, awake) => {
      const { sent, transport } = scripted(async (_, index) => {
        if (index === 0) return throttled({ 'retry-after': '5' })
        await new Promise((resolve) => setTimeout(resolve, 10))
        return new Response('ok')
      })
      const fetch = fetchOver(transport)
      const first = fetch(URL_)
      await vi.advanceTimersByTimeAsync(1)
      const others = Array.from({ length: 20 }, () => fetch(URL_))
      await vi.advanceTimersByTimeAsync(100)
      vi.setSystemTime(Date.now() + 8 * 3_600_000)
      if (awake) await vi.advanceTimersByTimeAsync(8 * 3_600_000)
      await vi.advanceTimersByTimeAsync(8000)
      expect((await Promise.all([first, ...others])).every(({ status }) => status === 200)).toBe(true)
      expect(sent.slice(1, 8).map(({ inFlight }) => inFlight)).toEqual([1, 1, 2, 2, 3, 3, 4])
    },
  )

  it('a `throttled` that fails ends the request with an error of ours, and nothing is sent again', async () => {
    const { sent, transport } = scripted(() => new Response('the secret of the answer'))
    const failing = async ({ peek }: { peek(): Promise<string> }) => {
      throw new Error(await peek())
    }
    for (const face of [
      fetchOver(transport, { throttled: failing }),
      createClient({ baseUrl: URL_, fetch: transport as never, throttled: failing }).get,
    ]) {
      const error = await atOnce(face(URL_).catch((reason: unknown) => reason))
      expect(error).toMatchObject({ name: 'LatchkeyError', code: 'invalid_option' })
      expect(inspect(error, { depth: 9 })).not.toContain('secret')
    }
    expect(sent).toHaveLength(2)
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each(['stalls', 'breaks off'])(
    'T4 a refusal whose content %s holds nobody back longer than it says',
    async (how) => {
      const refusal = (controller: ReadableStreamDefaultController) => {
        controller.enqueue(new TextEncoder().encode('{"error":'))
        if (how === 'breaks off') queueMicrotask(() => controller.error(new Error('broken')))
      }
      const { sent, transport } = scripted((_, index) =>
        index
          ? new Response('ok')
          : new Response(new ReadableStream({ start: refusal }), {
              status: 429,
              headers: { 'retry-after': '2', 'content-type': 'application/json' },
            }),
      )
      const answer = fetchOver(transport)(URL_)
      await vi.advanceTimersByTimeAsync(5000)
      expect((await answer).status).toBe(200)
      expect(sent).toHaveLength(2)
    },
  )

  it('T11 an abort while an answer is looked into ends the request', async () => {
    const { sent, transport } = scripted(
      () =>
        new Response(new ReadableStream(), {
          status: 429,
          headers: { 'retry-after': '2', 'content-type': 'application/json' },
        }),
    )
    const control = new AbortController()
    const answer = expect(fetchOver(transport)(URL_, { signal: control.signal })).rejects.toThrow('enough')
    await vi.advanceTimersByTimeAsync(500)
    control.abort(new Error('enough'))
    await vi.advanceTimersByTimeAsync(10_000)
    await answer
    expect(sent).toHaveLength(1)
  })

  it('T11 an answer that stands because nothing may leave for another attempt can still be stopped', async () => {
    const { sent, transport } = scripted(
      () => new Response(new ReadableStream({ start: (controller) => stalled.push(controller) }), { status: 503 }),
    )
    const stalled: ReadableStreamDefaultController[] = []
    const control = new AbortController()
    const stoppable = async (input: Request, init: RequestInit) => {
      init.signal?.addEventListener('abort', () => stalled[0]?.error(init.signal?.reason))
      return transport(input)
    }
    const options = { limits: [{ requests: 1, per: 100_000 }], maxWait: 10 } as const
    const answer = fetchOver(stoppable as never, options)(URL_, { signal: control.signal })
    await vi.advanceTimersByTimeAsync(2000)
    const { status, body } = await answer
    expect([status, sent.length]).toEqual([503, 1])
    const rest = expect(body?.getReader().read()).rejects.toThrow('enough')
    control.abort(new Error('enough'))
    await rest
  })

  it('T14 waits for a limit take nothing from the retries after a failure', async () => {
    const script = [429, 500, 429, 429, 500, 429]
    const { sent, transport } = scripted((_, index) => new Response('', { status: script[index] ?? 200 }))
    const answer = fetchOver(transport, { maxWait: 1_000_000 })(URL_)
    await vi.advanceTimersByTimeAsync(1_000_000)
    expect((await answer).status).toBe(200)
    expect(sent).toHaveLength(7)
  })

  it('T14 both have a bound: at most 2 retries after failures, at most 10 after refusals', async () => {
    const failing = scripted(() => new Response('', { status: 500 }))
    const failed = fetchOver(failing.transport)(URL_)
    await vi.advanceTimersByTimeAsync(1_000_000)
    expect((await failed).status).toBe(500)
    expect(failing.sent).toHaveLength(3)
    const refusing = scripted(() => throttled())
    const refused = fetchOver(refusing.transport, { maxWait: 10_000_000 })(URL_)
    await vi.advanceTimersByTimeAsync(10_000_000)
    expect((await refused).status).toBe(429)
    expect(refusing.sent).toHaveLength(11)
  })

  it('T21 when everything fails, retries stop once the budget is empty, and come back with success', async () => {
    let status = 500
    const { sent, transport } = scripted(() => new Response('', { status }))
    const fetch = fetchOver(transport)
    const calls = async (count: number) => {
      const before = sent.length
      for (let i = 0; i < count; i++) {
        const answer = fetch(URL_)
        await vi.advanceTimersByTimeAsync(10_000)
        await answer
      }
      return sent.length - before
    }
    expect(await calls(40)).toBe(40 + 35)
    expect(await calls(10)).toBe(10)
    status = 200
    await calls(28)
    status = 500
    expect(await calls(5)).toBe(5 + 2)
  })

  it('retry: 0 is exactly one attempt, also for a 429', async () => {
    for (const status of [429, 500, 503]) {
      const { sent, transport } = scripted(() => new Response('', { status, headers: { 'retry-after': '0' } }))
      expect((await fetchOver(transport, { retry: 0 })(URL_)).status).toBe(status)
      expect(sent).toHaveLength(1)
    }
  })

  it('a limiter of the user that never waits still sends nothing early', async () => {
    const { sent, transport } = scripted((_, index) => (index ? new Response('ok') : throttled({ 'retry-after': '4' })))
    const answer = fetchOver(transport, { limiter: { run: (_, send) => send() } })(URL_)
    await vi.advanceTimersByTimeAsync(3999)
    expect(sent).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(2)
    expect((await answer).status).toBe(200)
  })

  it('T4 a limiter of the user that never refuses gets no call to wait longer than maxWait', async () => {
    const { sent, transport } = scripted(() => throttled({ 'retry-after': '3600' }))
    const answer = await atOnce(fetchOver(transport, { limiter: { run: (_, send) => send() } })(URL_))
    expect(answer.status).toBe(429)
    expect(sent).toHaveLength(1)
  })

  it('T28 learns the clock of a server an hour off, once for parallel calls', async () => {
    const seen: number[] = []
    const strategy = {
      places: ['header:x-time'],
      authenticate: (request: Request, attempt: { now(): number }) => {
        seen.push(attempt.now() - Date.now())
        request.headers.set('x-time', String(attempt.now()))
      },
    }
    const hour = 3_600_000
    const { transport } = scripted((request) => {
      const server = Date.now() + hour
      const right = Math.abs(Number(request.headers.get('x-time')) - server) < 60_000
      return new Response('', { status: right ? 200 : 401, headers: { date: date(server) } })
    })
    const fetch = createFetch({ origins: [URL_], auth: strategy, fetch: transport as never })
    const answers = await Promise.all(Array.from({ length: 5 }, () => fetch(URL_)))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(seen.slice(0, 5)).toEqual([0, 0, 0, 0, 0])
    expect(new Set(seen.slice(5)).size).toBe(1)
    expect(Math.abs((seen[5] as number) - hour)).toBeLessThanOrEqual(1000)
  })

  it('T28 a cached answer, or one more than a day off, teaches no clock', async () => {
    for (const headers of [
      { date: date(Date.now() + 3_600_000), age: '7' },
      { date: date(Date.now() + 3 * 86_400_000) },
    ] as Record<string, string>[]) {
      const times: number[] = []
      const strategy = {
        places: ['header:x'],
        authenticate: (_: Request, attempt: { now(): number }) => void times.push(attempt.now() - Date.now()),
      }
      const { sent, transport } = scripted(() => new Response('', { status: 401, headers }))
      const fetch = createFetch({ origins: [URL_], auth: strategy, fetch: transport as never })
      await fetch(URL_)
      await fetch(URL_)
      expect(times).toEqual([0, 0])
      expect(sent).toHaveLength(2)
    }
  })
})

describe('on real servers', () => {
  it('T11 an abort while gated rejects at once with its reason, sends nothing, and leaves nothing behind', async () => {
    const timers = ownTimers()
    const { url, seen } = await api(() => limited('30'))
    const fetch = createFetch({ baseUrl: url, auth: auth(), retry: 0 })
    await fetch(url)
    const control = new AbortController()
    const reason = new Error('changed my mind')
    const held = Promise.all(
      Array.from({ length: 3 }, () => fetch(url, { signal: control.signal }).catch((error) => error)),
    )
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(getEventListeners(control.signal, 'abort').length).toBeGreaterThan(0)
    expect(timers()).toBeGreaterThan(0)
    expect(await nextTick(held, () => control.abort(reason))).toEqual([reason, reason, reason])
    expect(getEventListeners(control.signal, 'abort')).toHaveLength(0)
    expect(timers()).toBe(0)
    expect(seen).toHaveLength(1)
  })

  it('T11 an abort while queued gives its place back', async () => {
    let release = () => {}
    const { url, seen } = await api(async (_, index) => {
      if (index === 0) await new Promise<void>((resolve) => (release = resolve))
      return {}
    })
    const fetch = createFetch({ baseUrl: url, auth: auth(), limits: [{ concurrent: 1 }] })
    const first = fetch(url)
    const control = new AbortController()
    const second = fetch(url, { signal: control.signal }).catch((error) => error)
    const third = fetch(url)
    await until(() => seen.length === 1)
    expect(await nextTick(second, () => control.abort('gone'))).toBe('gone')
    release()
    expect((await Promise.all([first, third])).map(({ status }) => status)).toEqual([200, 200])
    expect(seen).toHaveLength(2)
  })

  it('T11 an abort while credentials are fetched rejects at once', async () => {
    const { url, seen } = await api()
    const control = new AbortController()
    const slow = { places: ['header:x'], authenticate: () => new Promise<void>(() => {}) }
    const call = createFetch({ baseUrl: url, auth: slow })(url, { signal: control.signal })
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(
      await nextTick(
        call.catch((reason) => reason),
        () => control.abort('now'),
      ),
    ).toBe('now')
    expect(seen).toHaveLength(0)
  })

  it('T11 an abort between attempts, while backing off, rejects at once', async () => {
    const timers = ownTimers()
    const { url, seen } = await api(() => ({ status: 500 }))
    const control = new AbortController()
    const call = createFetch({
      baseUrl: url,
      auth: auth(),
      retry: { limit: 3, delay: () => 60_000, jitter: false, backoffLimit: 60_000 },
    })(url, { signal: control.signal })
    await until(() => seen.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(
      await nextTick(
        call.catch((reason) => reason),
        () => control.abort('now'),
      ),
    ).toBe('now')
    expect(getEventListeners(control.signal, 'abort')).toHaveLength(0)
    expect(timers()).toBe(0)
  })

  it('T11 T26 once the body has ended, neither a listener nor a timer is left; before, an abort still ends it', async () => {
    const timers = ownTimers()
    const { url } = await api((_request, _index, response) => {
      response.write('start')
      setTimeout(() => response.end('end'), 50)
    })
    const control = new AbortController()
    const fetch = createFetch({ baseUrl: url, auth: auth(), totalTimeout: 60_000 })
    const response = await fetch(url, { signal: control.signal })
    expect(getEventListeners(control.signal, 'abort')).toHaveLength(1)
    expect(await response.text()).toBe('startend')
    expect(getEventListeners(control.signal, 'abort')).toHaveLength(0)
    expect(timers()).toBe(0)

    const broken = await fetch(url, { signal: control.signal })
    control.abort('stop reading')
    await expect(broken.text()).rejects.toBe('stop reading')
    expect(getEventListeners(control.signal, 'abort')).toHaveLength(0)
  })

  it('T12 the time of an attempt does not count waiting', async () => {
    const { url, seen } = await api(inOrder(limited('1'), {}))
    const fetch = createFetch({ baseUrl: url, auth: auth(), timeout: 500 })
    expect((await fetch(url)).status).toBe(200)
    expect(seen).toHaveLength(2)
    expect((seen[1]?.at as number) - (seen[0]?.at as number)).toBeGreaterThanOrEqual(999)
  })

  it('T12 the deadline covers waiting for credentials, attempts and the body', async () => {
    const timers = ownTimers()
    const { url } = await api((request, _index, response) => {
      if (request.url === '/body') response.write('never ends')
    })
    const fetch = createFetch({ baseUrl: url, auth: auth(), totalTimeout: 400, timeout: false })
    await expect(fetch(url)).rejects.toMatchObject({ name: 'TimeoutError' })
    const response = await fetch(`${url}body`)
    await expect(response.text()).rejects.toMatchObject({ name: 'TimeoutError' })
    const slow = { places: ['header:x'], authenticate: () => new Promise<void>(() => {}) }
    await expect(fetch(url, { auth: slow })).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(timers()).toBe(0)
  })

  it('T13 every attempt asks the strategy again, after its wait, on a fresh Request', async () => {
    const { url, seen } = await api(inOrder({ status: 503 }, limited('0'), {}))
    let count = 0
    const strategy = {
      places: ['header:x-count'],
      authenticate: (request: Request) => {
        expect(request.headers.has('x-count')).toBe(false)
        request.headers.set('x-count', String(++count))
      },
    }
    expect((await createFetch({ baseUrl: url, auth: strategy })(url, { method: 'PUT', body: 'same' })).status).toBe(200)
    expect(seen.map(({ headers }) => headers['x-count'])).toEqual(['1', '2', '3'])
    expect(seen.map(({ body }) => body.toString())).toEqual(['same', 'same', 'same'])
  })

  it('T15 a strategy that always wants another attempt gets one for each of its reasons', async () => {
    const { url, seen } = await api((_, index) => ({ status: index < 20 ? 401 : 200 }))
    const strategy = (reasons: string[]) => ({
      places: ['header:x'],
      authenticate: () => {},
      onResponse: () => reasons[seen.length % reasons.length],
    })
    expect((await createFetch({ baseUrl: url, auth: strategy(['invalid_token']) })(url)).status).toBe(401)
    expect(seen).toHaveLength(2)
    expect((await createFetch({ baseUrl: url, auth: strategy(['invalid_token', 'stale_nonce']) })(url)).status).toBe(
      401,
    )
    expect(seen).toHaveLength(5)
  })

  it('T16 a POST is tried again after a 429, which was not processed', async () => {
    const { url, seen } = await api(inOrder(limited('0'), {}))
    const api_ = createClient({ baseUrl: url, auth: auth() })
    expect(await api_.post('', { json: { a: 1 } }).text()).toBe('ok')
    expect(seen.map(({ method, body }) => `${method} ${body}`)).toEqual(['POST {"a":1}', 'POST {"a":1}'])
  })

  it('T16 a POST is not tried again after 5xx or a dropped connection, unless it has an idempotency key', async () => {
    const drop = await api((_request, index, response) => {
      if (index % 2 === 0) response.destroy()
      else return {}
    })
    const failing = await api((_, index) => ({ status: index % 2 ? 200 : 503 }))
    for (const { url, seen } of [drop, failing]) {
      const fetch = createFetch({ baseUrl: url, auth: auth() })
      await fetch(url, { method: 'POST', body: 'x' }).catch(() => {})
      expect(seen).toHaveLength(1)
      await fetch(url).catch(() => {})
      seen.length = 0
      expect((await fetch(url, { method: 'POST', body: 'x', idempotencyKey: true })).status).toBe(200)
      expect((await fetch(url, { method: 'POST', body: 'x', idempotencyKey: 'mine' })).status).toBe(200)
      const keys = seen.map(({ headers }) => headers['idempotency-key'])
      expect(keys).toHaveLength(4)
      expect(keys[0]).toBe(keys[1])
      expect(keys[2]).toBe('mine')
      expect(keys[3]).toBe('mine')
      expect(keys[0]).not.toBe(keys[2])
    }
  })

  it('T16 a new idempotency key for each request', async () => {
    const { url, seen } = await api()
    const fetch = createFetch({ baseUrl: url, auth: auth(), idempotencyKey: true })
    await Promise.all([fetch(url, { method: 'POST' }), fetch(url, { method: 'POST' })])
    expect(new Set(seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(2)
  })

  it('T18 a stream without a factory has one attempt, a factory several', async () => {
    const { url, seen } = await api(inOrder(limited('0'), {}))
    const stream = () => new Blob(['streamed']).stream()
    const fetch = createFetch({ baseUrl: url, auth: auth() })
    expect((await fetch(url, { method: 'PUT', body: stream(), duplex: 'half' } as RequestInit)).status).toBe(429)
    expect(seen).toHaveLength(1)
    seen.length = 0
    expect((await fetch(url, { method: 'PUT', body: stream })).status).toBe(200)
    expect(seen.at(-1)?.body.toString()).toBe('streamed')
  })

  it('T18 a stream far larger than memory should hold goes through once, chunk by chunk', async () => {
    const chunk = new Uint8Array(64 * 1024)
    let pulled = 0
    let most = 0
    let received = 0
    const { url } = await api()
    const { createServer } = await import('node:http')
    const sink = createServer((incoming, response) => {
      incoming.on('data', (data: Buffer) => {
        received += data.length
        most = Math.max(most, pulled - received)
      })
      incoming.on('end', () => response.end('ok'))
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => sink.once('listening', resolve))
    const target = `http://127.0.0.1:${(sink.address() as { port: number }).port}/`
    const total = 64 * 1024 * 1024
    const body = new ReadableStream({
      pull(controller) {
        if (pulled >= total) return controller.close()
        pulled += chunk.length
        controller.enqueue(chunk)
      },
    })
    const response = await createFetch({ origins: [target, url], auth: auth() })(target, { method: 'POST', body })
    sink.close()
    expect(response.status).toBe(200)
    expect(received).toBe(total)
    expect(most).toBeLessThan(16 * 1024 * 1024)
  })

  it('T18 a stream that somebody else already reads is refused before anything is sent, and says why', async () => {
    const { url, seen } = await api()
    const body = new Blob(['taken']).stream()
    body.getReader()
    await expect(createFetch({ baseUrl: url, auth: auth() })(url, { method: 'PUT', body })).rejects.toMatchObject({
      code: 'body_not_replayable',
    })
    expect(seen).toHaveLength(0)
  })

  it('T18 a Request whose content is larger than maxReplayBytes has one attempt, a smaller one several', async () => {
    const { url, seen } = await api(() => ({ status: 503 }))
    const fetch = createFetch({ baseUrl: url, auth: auth(), maxReplayBytes: 1000, retry: { delay: () => 1 } })
    await fetch(new Request(url, { method: 'PUT', body: 'x'.repeat(100_000) }))
    expect(seen.map(({ body }) => body.length)).toEqual([100_000])
    seen.length = 0
    await fetch(new Request(url, { method: 'PUT', body: 'x'.repeat(1000) }))
    expect(seen.map(({ body }) => body.length)).toEqual([1000, 1000, 1000])
  })

  it('T23 a final 429 is what the server said: Response from createFetch, HTTPError from the client', async () => {
    const { url } = await api(() => ({
      ...limited('999'),
      headers: { 'retry-after': '999', 'content-type': 'application/json' },
      body: '{"why":"quota"}',
    }))
    expect((await createFetch({ baseUrl: url, auth: auth() })(url)).status).toBe(429)
    const error = await createClient({ baseUrl: url, auth: auth() })
      .get('')
      .catch((reason) => reason)
    expect(error).toBeInstanceOf(HTTPError)
    expect(error.response.status).toBe(429)
    expect(error.data).toEqual({ why: 'quota' })
  })

  it('T30 exactly as many requests reach the server as there are attempt events', async () => {
    const { url, seen } = await api(inOrder({ status: 500 }, limited('0'), { status: 502 }, {}))
    const events: ClientEvent[] = []
    const client = createClient({
      baseUrl: url,
      auth: auth(),
      retry: { delay: () => 5 },
      onEvent: (event) => events.push(event),
    })
    expect(await client.get('').text()).toBe('ok')
    expect(seen).toHaveLength(4)
    expect(events.filter(({ type }) => type === 'attempt')).toHaveLength(4)
    expect(events.map(({ type }) => type).filter((type) => type !== 'wait')).toEqual([
      'attempt',
      'response',
      'retry',
      'attempt',
      'response',
      'retry',
      'attempt',
      'response',
      'retry',
      'attempt',
      'response',
      'end',
    ])
  })

  it('concurrency bounds what is in flight, first come first served', async () => {
    let inFlight = 0
    let most = 0
    const { url, seen } = await api(async () => {
      most = Math.max(most, ++inFlight)
      await new Promise((resolve) => setTimeout(resolve, 5))
      inFlight--
      return {}
    })
    // In the order they leave: three connections may well arrive in another.
    const left: number[] = []
    const onEvent = (event: ClientEvent) => {
      if (event.type === 'attempt') left.push(Number(new URL(event.url).pathname.slice(1)))
    }
    const fetch = createFetch({ baseUrl: url, auth: auth(), limits: [{ concurrent: 3 }], onEvent })
    await Promise.all(Array.from({ length: 30 }, (_, i) => fetch(`${url}${i}`)))
    expect(most).toBe(3)
    expect(left).toEqual(Array.from({ length: 30 }, (_, i) => i))
    expect(seen).toHaveLength(30)
  })

  it('300 calls at once at a server that allows 200 a second all succeed', async () => {
    let tokens = 200
    let last = performance.now()
    const { url, seen } = await api(() => {
      const now = performance.now()
      tokens = Math.min(200, tokens + ((now - last) / 1000) * 200)
      last = now
      if (tokens < 1) return limited('1')
      tokens--
      return {}
    })
    const fetch = createFetch({ baseUrl: url, auth: auth() })
    const answers = await Promise.all(Array.from({ length: 300 }, () => fetch(url)))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(seen.length).toBeGreaterThanOrEqual(300)
  })
})

/** What a promise gives by the next tick after `act`; undefined when it takes longer. */
async function nextTick<T>(promise: Promise<T>, act: () => void): Promise<T | undefined> {
  let outcome: T | undefined
  void promise.then((value) => {
    outcome = value
  })
  act()
  await new Promise((resolve) => setImmediate(resolve))
  return outcome
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 2))
}
