import { expect, it, vi } from 'vitest'
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
  return { shared: shareAnswer(response, url), response, cancel, pulled: () => pulled }
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
  expect((await shareAnswer(response, url).response()).url).toBe('')
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
  const shared = shareAnswer(new Response(null, { status: 204 }), url)
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

it('that breaks off while nobody wants it disturbs nobody', async () => {
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error('broken')) })
  const shared = shareAnswer(new Response(body), url)
  shared.discard()
  await expect(shared.peek()).rejects.toThrow('broken')
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
