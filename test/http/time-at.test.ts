import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { timeAt } from '../../src/http/time-at.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const AT = Date.UTC(2026, 10, 28, 12, 0, 0)
const iso = '2026-11-28T12:00:00'

/** What is read of an answer that took 100 ms, and whose content took 30 more. */
async function read(content: string, headers?: HeadersInit): Promise<number> {
  vi.spyOn(globalThis, 'fetch').mockImplementation(async () => {
    vi.advanceTimersByTime(100)
    const response = new Response(content, headers && { headers })
    response.text = async () => {
      vi.advanceTimersByTime(30)
      return content
    }
    return response
  })
  return timeAt('/time')('https://api.example.com', new AbortController().signal)
}

// Half of the 100 ms went by before the server looked at its clock, and the 30 after.
it.each([
  ['seconds', `{"epoch":${AT / 1000}}`, AT],
  ['seconds with a part', `${AT / 1000}.25`, AT + 250],
  ['milliseconds', `{"serverTime":${AT + 7}}`, AT + 7],
  ['microseconds', `${AT}000`, AT],
  ['nanoseconds', `${AT}000000`, AT],
  ['the first of several', `[5,"12",${AT},${AT + 5000}]`, AT],
  ['text', `"${iso}Z"`, AT],
  ['text with an offset', `"2026-11-28T13:00:00.250+01:00"`, AT + 250],
  ['text with an offset behind', `"2026-11-28T11:30:00-00:30"`, AT],
  ['text with a short offset', `"2026-11-28T13:00:00+0100"`, AT],
  ['a number before text', `{"t":${AT},"iso":"2020-01-01T00:00:00Z"}`, AT],
])('reads %s', async (_, content, at) => {
  expect(await read(content)).toBe(at + 80)
})

it.each([
  ['nothing', ''],
  ['a short number', '123456789'],
  ['a number of no unit', '12345678901'],
  ['part of a number', '1.1764072000'],
  ['a number with a zero before it', '01764072000'],
  ['text without an offset', iso],
  ['another text', '2026-11-2T12:00:00Z'],
])('falls back to `Date`, in the middle of its second, for %s', async (_, content) => {
  expect(await read(content, { date: 'Sat, 28 Nov 2026 12:00:00 GMT' })).toBe(AT + 500 + 80)
  expect(await read(content)).toBeNaN()
})

it('asks without credentials, past any cache, at a URL of the origin', async () => {
  await read(String(AT))
  const { signal } = new AbortController()
  await timeAt('https://time.example.com/t')('https://api.example.com', signal)
  const init = { credentials: 'omit', cache: 'no-store' }
  expect(fetch).toHaveBeenNthCalledWith(1, new URL('https://api.example.com/time'), expect.objectContaining(init))
  expect(fetch).toHaveBeenNthCalledWith(2, new URL('https://time.example.com/t'), { ...init, signal })
})
