import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { shareAnswer, whenEnded } from '../../src/http/answer.ts'

const KIB = 1024
const url = new URL('https://api.example.com/a?x=1#part')
const SENT = 'https://api.example.com/a?x=1&key=secret'

/** An answer in chunks of 1 KiB, from `SENT`. */
function answer(chunks: number, init: ResponseInit = {}) {
  const cancel = vi.fn()
  let pulled = 0
  const body = new ReadableStream(
    {
      pull(controller) {
        if (pulled === chunks) controller.close()
        else controller.enqueue(new Uint8Array(KIB).fill(97 + (pulled++ % 26)))
      },
      cancel,
    },
    { highWaterMark: 0 },
  )
  const response = Object.defineProperty(new Response(body, init), 'url', { value: SENT, configurable: true })
  return { shared: shareAnswer(response, url, 10_000), response, cancel, pulled: () => pulled }
}

it('that nobody looked into is passed on as it came, but for its URL', async () => {
  const { shared, response, pulled } = answer(2, { status: 201, headers: { a: 'b' } })
  expect([shared.original, shared.status, shared.headers, shared.opaque, shared.url]).toEqual([
    response,
    201,
    response.headers,
    false,
    url,
  ])
  expect(await shared.response()).toBe(response)
  expect([response.url, response.clone().url, pulled()]).toEqual(['https://api.example.com/a?x=1', response.url, 0])
})

it('that was made by hand keeps its empty URL', async () => {
  const response = new Response('x')
  expect((await shareAnswer(response, url, 10_000).response()).url).toBe('')
})

it('is looked into once for all, and is whole for the caller', async () => {
  const { shared, pulled } = answer(3, { status: 418, statusText: 'Tea', headers: { a: 'b' } })
  const [one, two] = await Promise.all([shared.peek(), shared.peek()])
  expect([one.length, two, pulled()]).toEqual([3 * KIB, one, 3])
  const response = await shared.response()
  expect([response.status, response.statusText, response.headers.get('a')]).toEqual([418, 'Tea', 'b'])
  expect([response.url, response.clone().clone().url]).toEqual(Array(2).fill('https://api.example.com/a?x=1'))
  expect(await response.clone().text()).toBe(one)
  expect(await response.text()).toBe(one)
  expect(new TextDecoder().decode(await shared.content())).toBe(one)
})

it('is read to 64 KiB only, and further where more is asked for', async () => {
  const { shared, pulled } = answer(100)
  expect((await shared.peek()).length).toBe(64 * KIB)
  expect(pulled()).toBe(65)
  expect(await shared.content()).toBeUndefined()
  expect(await shared.content(64 * KIB)).toBeUndefined()
  expect(pulled()).toBe(65)
  expect((await shared.content(200 * KIB))?.length).toBe(100 * KIB)
  expect((await shared.content(200 * KIB))?.length).toBe(100 * KIB)
  expect((await (await shared.response()).text()).length).toBe(100 * KIB)
})

it('without content has none', async () => {
  const shared = shareAnswer(new Response(null, { status: 204 }), url, 10_000)
  expect([await shared.peek(), await shared.content()]).toEqual(['', new Uint8Array()])
  expect((await shared.response()).body).toBeNull()
})

it('that nobody will get is read to its end when short, and given up when long', async () => {
  const short = answer(3)
  short.shared.discard()
  await vi.waitFor(() => expect(short.pulled()).toBe(3))
  const long = answer(100)
  long.shared.discard()
  await vi.waitFor(() => expect(long.cancel).toHaveBeenCalledTimes(1))
  expect(long.pulled()).toBe(65)
})

/** An answer that begins, and then goes on as `pull` says. */
function begun(pull: (controller: ReadableStreamDefaultController) => void | Promise<void>) {
  const cancel = vi.fn()
  let first = true
  const body = new ReadableStream({
    pull(controller) {
      if (!first) return pull(controller)
      first = false
      controller.enqueue(new TextEncoder().encode('{"error":'))
    },
    cancel,
  })
  return { shared: shareAnswer(new Response(body), url, 10_000), cancel }
}

describe('that stalls', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('is looked into as far as it came, and goes on for the caller', async () => {
    let goOn = () => {}
    const rest = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const { shared } = begun(async (controller) => {
      await rest
      controller.enqueue(new TextEncoder().encode('1}'))
      controller.close()
    })
    const looked = shared.peek()
    await vi.advanceTimersByTimeAsync(1000)
    expect(await looked).toBe('{"error":')
    expect(vi.getTimerCount()).toBe(0)
    goOn()
    expect(await (await shared.response()).text()).toBe('{"error":1}')
  })

  it('has no content within the time of an attempt', async () => {
    const { shared } = begun(() => new Promise(() => {}))
    const content = expect(shared.content()).rejects.toMatchObject({ name: 'TimeoutError' })
    await vi.advanceTimersByTimeAsync(12_000)
    await content
  })

  it('is given up where nobody wants it', async () => {
    const { shared, cancel } = begun(() => new Promise(() => {}))
    shared.discard()
    await vi.advanceTimersByTimeAsync(1000)
    expect(cancel).toHaveBeenCalledTimes(1)
  })
})

it('that breaks off is looked into as far as it came; who reads it is told', async () => {
  const { shared } = begun((controller) => controller.error(new Error('broken')))
  shared.discard()
  expect(await shared.peek()).toBe('{"error":')

  const wanted = begun((controller) => controller.error(new Error('broken'))).shared
  expect(await wanted.peek()).toBe('{"error":')
  await expect(wanted.content()).rejects.toThrow('broken')
  const read = begun((controller) => controller.error(new Error('broken'))).shared
  await read.peek()
  await expect((await read.response()).text()).rejects.toThrow('broken')
})

it('tells once its content has ended, was given up, or broke off', async () => {
  const done = vi.fn()
  const none = new Response(null)
  expect(whenEnded(none, done)).toBe(none)
  expect(done).toHaveBeenCalledTimes(1)

  const read = whenEnded(new Response('text', { status: 202, headers: { a: 'b' } }), done)
  expect([read.status, read.headers.get('a')]).toEqual([202, 'b'])
  expect(done).toHaveBeenCalledTimes(1)
  expect(await read.text()).toBe('text')
  expect(done).toHaveBeenCalledTimes(2)

  const { response, cancel } = answer(3)
  await whenEnded(response, done).body?.cancel('enough')
  expect([done.mock.calls.length, cancel.mock.calls]).toEqual([3, [['enough']]])

  const broken = new ReadableStream({ pull: (controller) => controller.error(new Error('broken')) })
  await expect(whenEnded(new Response(broken), done).text()).rejects.toThrow('broken')
  expect(done).toHaveBeenCalledTimes(4)
})
