import { expect, it } from 'vitest'
import { apiKey, createClient } from '../../src/index.ts'
import { tabLimiter } from '../../src/throttle/tabs/tabs.ts'
import { api, limited } from '../servers/api.ts'

// Each limiter has a channel of its own, as each tab would.
const tab = (baseUrl: string, identity = 'user') =>
  createClient({ baseUrl, auth: apiKey({ name: 'X-Key', value: 'key' }), limiter: tabLimiter({ identity }) })
const pause = (duration: number) => new Promise((resolve) => setTimeout(resolve, duration))

it('T6 what one tab is refused holds the others back, and one of all probes first', async () => {
  const { url, seen } = await api(async (_, index) => {
    if (index > 1) return {}
    await pause(index * 100)
    return index ? {} : limited('1')
  })
  const [one, two] = [tab(url), tab(url)]
  const first = one.get('')
  while (!seen.length) await pause(5)
  await pause(100)
  const rest = Array.from({ length: 6 }, (_, index) => (index % 2 ? one : two).get(''))
  await Promise.all([first, ...rest])
  expect(seen).toHaveLength(8)
  const [refusal = 0, probe = 0, next = 0] = seen.map(({ at }) => at)
  expect(probe - refusal).toBeGreaterThanOrEqual(1000)
  // The probe takes 100 ms; nobody leaves before it is back.
  expect(next - probe).toBeGreaterThanOrEqual(95)
})

it('T6 a tab that opens later learns of the gate before its first request', async () => {
  const { url, seen } = await api(() => limited('30'))
  expect(
    await tab(url)
      .get('', { maxWait: 0 })
      .catch((error: Error) => error.name),
  ).toBe('HTTPError')
  expect(
    await tab(url)
      .get('', { maxWait: 0 })
      .catch((error: Error) => error.name),
  ).toBe('RateLimitError')
  expect(seen).toHaveLength(1)
})

it('T6 another identity, and another origin, are not held back', async () => {
  const { url } = await api((_, index) => (index ? {} : limited('30')))
  const { url: elsewhere } = await api()
  await tab(url)
    .get('', { maxWait: 0 })
    .catch(() => {})
  expect((await tab(url, 'somebody else').get('')).status).toBe(200)
  expect((await tab(elsewhere).get('')).status).toBe(200)
})

it('nothing that tabs tell one another names a credential, an identity or an origin', async () => {
  const { url } = await api(() => ({ headers: { 'x-ratelimit-remaining': '5' } }))
  const listener = new BroadcastChannel('latchkey limits')
  const messages: unknown[] = []
  listener.onmessage = (event) => void messages.push((event as MessageEvent).data)
  await tab(url, 'user-of-mine').get('path-of-mine')
  while (messages.length < 2) await pause(5)
  listener.close()
  for (const word of ['of-mine', '127.0.0.1', '"key"']) expect(JSON.stringify(messages)).not.toContain(word)
  expect(() => tabLimiter({ identity: '' })).toThrow(expect.objectContaining({ code: 'invalid_option' }))
})
