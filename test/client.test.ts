import { describe, expect, it, vi } from 'vitest'
import { createFetch } from '../src/fetch.ts'
import {
  apiKey,
  type ClientEvent,
  createClient,
  createLimiter,
  HTTPError,
  LatchkeyError,
  NetworkError,
  SchemaValidationError,
  TimeoutError,
} from '../src/index.ts'
import { api, inOrder, limited } from './servers/api.ts'

const auth = () => apiKey({ name: 'X-Key', value: 'key' })
const message = (make: () => unknown): string => {
  try {
    make()
    return 'accepted'
  } catch (error) {
    expect(error).toBeInstanceOf(LatchkeyError)
    return (error as Error).message
  }
}
const echo = () =>
  api(({ method, url, headers, body }) => ({
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ method, url, headers, body: body.toString() }),
  }))
type Echo = { method: string; url: string; headers: Record<string, string>; body: string }

describe('options', () => {
  const baseUrl = 'https://api.example.com'
  it.each([
    ['retires', { retires: 3 }, 'retry'],
    ['prefixUrl', { prefixUrl: baseUrl }, 'baseUrl'],
    ['baseURL', { baseURL: baseUrl }, 'baseUrl'],
    ['maxRetryAfter', { retry: { maxRetryAfter: 1 } }, 'maxWait'],
    ['afterStatusCodes', { retry: { afterStatusCodes: [429] } }, 'retry.statusCodes'],
    ['retry.limt', { retry: { limt: 3 } }, 'limit'],
    ['retry.method', { retry: { method: ['get'] } }, 'methods'],
    ['hooks.beforeRetry', { hooks: { beforeRetry: [() => {}] } }, 'retry.shouldRetry'],
    ['retry: -1', { retry: -1 }, 'limit'],
    ['retry: 1.5', { retry: 1.5 }, 'limit'],
    ['retry: "3"', { retry: '3' }, 'retry'],
    ['timeout: 0', { timeout: 0 }, 'timeout'],
    ['timeout above a timer', { timeout: 2 ** 31 }, 'timeout'],
    ['totalTimeout: NaN', { totalTimeout: Number.NaN }, 'totalTimeout'],
    ['maxWait: -1', { maxWait: -1 }, 'maxWait'],
    ['limits: []', { limits: [{ concurrent: 0 }] }, 'limits'],
    ['maxReplayBytes: "1"', { maxReplayBytes: '1' }, 'maxReplayBytes'],
    ['crossOrigin', { crossOrigin: 'follow' }, "'strip'"],
    ['idempotencyKey', { idempotencyKey: 'a b' }, 'idempotencyKey'],
    ['onUploadProgress', { onUploadProgress: () => {} }, 'stream'],
  ])('%s is refused at creation, with what to write instead', (_, options, instead) => {
    expect(message(() => createClient({ baseUrl, ...options } as never))).toContain(instead)
  })

  it('what belongs to the client is refused on a request, and shared limits on extend', () => {
    const client = createClient({ baseUrl })
    for (const name of ['origins', 'limits', 'limiter', 'fetch', 'onEvent', 'maxReplayBytes'])
      expect(message(() => client.get('', { [name]: undefined }))).toContain('createClient')
    expect(message(() => client.extend({ limits: 'none' }))).toContain('createClient')
    expect(message(() => client.get('', { prefixUrl: 'x' } as never))).toContain('baseUrl')
    expect(message(() => client.get('', { retry: { maxRetryAfter: 1 } as never }))).toContain('maxWait')
  })

  it('ky.retry() in a hook is refused, not ignored', async () => {
    const { default: ky } = await import('ky')
    const { url } = await api()
    const client = createClient({ baseUrl: url, hooks: { afterResponse: [() => ky.retry()] } })
    await expect(client.get('')).rejects.toMatchObject({ code: 'invalid_option' })
  })

  it('content with GET is refused before anything is sent', async () => {
    const { url, seen } = await api()
    await expect(createClient({ baseUrl: url }).get('', { json: {} })).rejects.toMatchObject({ code: 'invalid_option' })
    await expect(createFetch()(url, { body: 'x' })).rejects.toMatchObject({ code: 'invalid_option' })
    expect(seen).toHaveLength(0)
  })
})

describe("ky's face", () => {
  it('json, searchParams, headers, prefix, parseJson and stringifyJson work as in ky', async () => {
    const { url } = await echo()
    const client = createClient({
      baseUrl: url,
      auth: auth(),
      headers: { 'x-one': '1' },
      searchParams: { a: 1 },
      stringifyJson: (data) => JSON.stringify({ wrapped: data }),
    })
    const seen = await client
      .extend({ headers: { 'x-two': '2' } })
      .post('path', { json: 5, searchParams: { b: 2 } })
      .json<Echo>()
    expect(seen).toMatchObject({ method: 'POST', url: '/path?a=1&b=2', body: '{"wrapped":5}' })
    expect(seen.headers).toMatchObject({
      'x-one': '1',
      'x-two': '2',
      'x-key': 'key',
      'content-type': 'application/json',
      accept: 'application/json',
    })
    expect((await client.get('x', { prefix: 'v2' }).json<Echo>()).url).toBe('/v2/x?a=1')
    expect(await client.get('', { parseJson: (text) => text.length }).json()).toBeGreaterThan(10)
    expect(
      (await client.put('', { json: {}, headers: { 'content-type': 'application/merge-patch+json' } }).json<Echo>())
        .headers['content-type'],
    ).toBe('application/merge-patch+json')
  })

  it.each(['string', 'bytes', 'Blob', 'FormData', 'URLSearchParams', 'stream', 'factory', 'Request'])(
    'sends content given as %s, whole, with its type and length',
    async (kind) => {
      const { url, seen } = await echo()
      const form = new FormData()
      form.set('a', 'ü')
      const contents: Record<string, [unknown, string, string | undefined]> = {
        string: ['text', 'text', 'text/plain;charset=UTF-8'],
        bytes: [new TextEncoder().encode('bytes'), 'bytes', undefined],
        Blob: [new Blob(['blob'], { type: 'image/x' }), 'blob', 'image/x'],
        FormData: [form, 'name="a"\r\n\r\nü', 'multipart/form-data; boundary='],
        URLSearchParams: [
          new URLSearchParams({ a: 'b c' }),
          'a=b+c',
          'application/x-www-form-urlencoded;charset=UTF-8',
        ],
        stream: [new Blob(['stream']).stream(), 'stream', undefined],
        factory: [() => new Blob(['factory']).stream(), 'factory', undefined],
        Request: [undefined, 'request', 'text/plain;charset=UTF-8'],
      }
      const [body, text, type] = contents[kind] as [never, string, string | undefined]
      const client = createClient({ baseUrl: url, auth: auth() })
      const request = new Request(url, { method: 'POST', body: 'request' })
      await (kind === 'Request' ? client(request) : client.post('', { body }))
      await (kind === 'Request'
        ? client.fetch(new Request(url, { method: 'POST', body: 'request' }))
        : client.fetch(url, { method: 'POST', body: kind === 'stream' ? new Blob(['stream']).stream() : body }))
      for (const { body: arrived, headers } of seen) {
        expect(arrived.toString()).toContain(text)
        expect(headers['content-type'] ?? '').toContain(type ?? '')
        if (kind !== 'stream' && kind !== 'factory') expect(Number(headers['content-length'])).toBe(arrived.length)
        expect(headers['x-key']).toBe('key')
      }
      expect(seen).toHaveLength(2)
    },
  )

  it('hooks run, and see no credentials; a Request of theirs takes the place of the first', async () => {
    const { url, seen } = await api()
    const saw: (string | null)[] = []
    const client = createClient({
      baseUrl: url,
      auth: auth(),
      hooks: {
        beforeRequest: [
          ({ request }) => {
            saw.push(request.headers.get('x-key'))
            request.headers.set('x-hook', 'yes')
          },
        ],
        afterResponse: [
          ({ request, response }) => {
            saw.push(request.headers.get('x-key'), response.headers.get('x-key'))
          },
        ],
      },
    })
    await client.get('')
    expect(saw).toEqual([null, null, null])
    expect(seen[0]?.headers).toMatchObject({ 'x-hook': 'yes', 'x-key': 'key' })
    const replacing = client.extend({
      hooks: { beforeRequest: [() => new Request(`${url}other`, { method: 'PUT', body: 'theirs' })] },
    })
    await replacing.post('', { body: 'mine' })
    expect(seen[1]).toMatchObject({ method: 'PUT', url: '/other', body: Buffer.from('theirs') })
  })

  it('errors are of ky: HTTPError with data, NetworkError, TimeoutError, SchemaValidationError', async () => {
    const { url } = await api((request, _, response) => {
      if (request.url === '/404')
        return { status: 404, headers: { 'content-type': 'application/json' }, body: '{"a":1}' }
      if (request.url === '/drop') return void response.destroy()
      if (request.url === '/json') return { headers: { 'content-type': 'application/json' }, body: '{}' }
      if (request.url === '/body') return void response.write('{')
    })
    const client = createClient({ baseUrl: url, auth: auth(), retry: { limit: 1, delay: () => 1 } })
    const fails = (path: string, options = {}) =>
      client
        .get(path, options)
        .json()
        .catch((error) => error)
    expect(await fails('404')).toMatchObject({ name: 'HTTPError', data: { a: 1 } })
    expect(await fails('404')).toBeInstanceOf(HTTPError)
    expect(await fails('drop')).toBeInstanceOf(NetworkError)
    expect(await fails('hang', { timeout: 60 })).toBeInstanceOf(TimeoutError)
    expect(await fails('body', { timeout: 60 })).toBeInstanceOf(TimeoutError)
    await expect(client.get('hang', { timeout: false, totalTimeout: 60 })).rejects.toBeInstanceOf(TimeoutError)
    const schema = {
      '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'no' }] }) },
    } as const
    await expect(client.get('json').json(schema)).rejects.toBeInstanceOf(SchemaValidationError)
    expect((await client.get('404', { throwHttpErrors: false })).status).toBe(404)
  })

  it('the body read of a shortcut may take `timeout`, that of a Response as long as it likes', async () => {
    const { url } = await api((_request, _index, response) => {
      response.write('slow')
      setTimeout(() => response.end('er'), 120)
    })
    const client = createClient({ baseUrl: url, auth: auth(), timeout: 60 })
    await expect(client.get('').text()).rejects.toBeInstanceOf(TimeoutError)
    expect(await (await client.get('')).text()).toBe('slower')
  })

  it('an abort rejects with the reason: before, in flight, and while the body is on the way', async () => {
    const { url, seen } = await api((_request, _index, response) => void response.write('x'))
    const client = createClient({ baseUrl: url, auth: auth() })
    const reason = new Error('mine')
    await expect(client.get('', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(seen).toHaveLength(0)
    const control = new AbortController()
    const response = await client.get('', { signal: control.signal })
    control.abort(reason)
    await expect(response.text()).rejects.toBe(reason)
    const timed = AbortSignal.timeout(30)
    await expect(client.get('', { signal: timed }).text()).rejects.toMatchObject({ name: 'TimeoutError' })
    const app = new AbortController()
    const bound = createClient({ baseUrl: url, signal: app.signal })
    const call = bound.get('', { signal: new AbortController().signal }).text()
    setTimeout(() => app.abort(reason), 20)
    await expect(call).rejects.toBe(reason)
  })

  it('retry.shouldRetry sees the answer as ky shows it, and decides', async () => {
    const { url, seen } = await api((_, index) => ({ status: index ? 200 : 409, body: 'not yet' }))
    const client = createClient({
      baseUrl: url,
      auth: auth(),
      retry: {
        delay: () => 1,
        shouldRetry: async ({ response, retryCount }) =>
          response?.status === 409 && (await response.text()) === 'not yet' && retryCount === 1,
      },
    })
    expect(await client.get('').text()).toBe('not yet')
    expect(seen).toHaveLength(2)
    const never = client.extend({ retry: { shouldRetry: () => false } })
    await expect(
      api(() => ({ status: 503 })).then(({ url: other }) => never.extend({ baseUrl: other, auth: auth() }).get('')),
    ).rejects.toBeInstanceOf(HTTPError)
  })
})

describe('what goes down, and what is shared', () => {
  it('unknown options of a request and known ones of the client reach the transport', async () => {
    const inits: RequestInit[] = []
    const client = createClient({
      baseUrl: 'https://api.example.com',
      dispatcher: 'client',
      fetch: async (_: unknown, init: RequestInit) => {
        inits.push(init)
        return new Response('ok')
      },
    } as never)
    await client.get('', { next: { revalidate: 1 }, anything: 1 } as never)
    await client.fetch('https://api.example.com', { next: 2 } as never)
    expect(inits[0]).toMatchObject({ dispatcher: 'client', next: { revalidate: 1 }, anything: 1 })
    expect(inits[1]).toMatchObject({ next: 2 })
    for (const name of ['auth', 'latchkey', 'retry', 'timeout']) expect(inits[0]).not.toHaveProperty(name)
  })

  it('extend shares the gate; limits() shows it', async () => {
    const { url } = await api(() => limited('20'))
    const client = createClient({
      baseUrl: url,
      auth: apiKey({ name: 'X-Key', value: 'key', identity: 'app' }),
      retry: 0,
    })
    await client.get('').catch(() => {})
    await expect(client.extend({ headers: { a: 'b' } }).get('', { maxWait: 0 })).rejects.toMatchObject({
      code: 'rate_limited',
    })
    const [state] = client.limits()
    expect(state).toMatchObject({ scope: `${new URL(url).origin} app`, inFlight: 0, waiting: 0 })
    expect((state?.retryAt ?? 0) - Date.now()).toBeGreaterThan(15_000)
  })

  it('a limiter can be shared between clients', async () => {
    const { url } = await api(() => limited('20'))
    const limiter = createLimiter()
    const key = apiKey({ name: 'X-Key', value: 'key', identity: 'app' })
    await createClient({ baseUrl: url, auth: key, retry: 0, limiter })
      .get('')
      .catch(() => {})
    await expect(
      createClient({
        baseUrl: url,
        auth: apiKey({ name: 'X-Key', value: 'key', identity: 'app' }),
        limiter,
        maxWait: 0,
      }).get(''),
    ).rejects.toMatchObject({ code: 'rate_limited' })
  })

  it('events tell the whole story in order, and a listener that throws breaks nothing', async () => {
    const { url } = await api(
      inOrder({ status: 302, headers: { location: '/next?secret=1' } }, limited('0'), { status: 503 }, {}),
    )
    const events: ClientEvent[] = []
    const client = createClient({
      baseUrl: url,
      auth: auth(),
      retry: { delay: () => 1 },
      onEvent: (event) => {
        events.push(event)
        throw new Error('listener')
      },
    })
    await client.get('start?secret=1')
    expect(events.map(({ type }) => type).join(' ')).toBe(
      'attempt response replay attempt response retry wait attempt response retry attempt response end',
    )
    expect(JSON.stringify(events)).not.toContain('secret')
    expect(events.filter(({ type }) => type === 'wait')).toMatchObject([{ reason: 'gate' }])
    expect(events.filter(({ type }) => type === 'retry')).toMatchObject([
      { reason: 'throttled', status: 429 },
      { reason: 'status', status: 503 },
    ])
  })

  it("an async listener that rejects is nobody's unhandled rejection", async () => {
    const { url } = await api(inOrder({}))
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    let heard = 0
    const onEvent = async () => {
      heard++
      throw new Error('listener')
    }
    await createClient({ baseUrl: url, auth: auth(), onEvent }).get('')
    await new Promise((resolve) => setTimeout(resolve))
    process.off('unhandledRejection', unhandled)
    expect(heard).toBe(3)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('client.fetch and createFetch return every Response, and throw what fetch would throw', async () => {
    const { url } = await api((_request, _index, response) =>
      _request.url === '/drop' ? void response.destroy() : { status: 500 },
    )
    const client = createClient({ baseUrl: url, auth: auth(), retry: 0 })
    expect((await client.fetch('relative')).status).toBe(500)
    await expect(client.fetch('drop')).rejects.toBeInstanceOf(TypeError)
    await expect(client.fetch('drop', { signal: AbortSignal.abort('no') })).rejects.toBe('no')
  })
})
