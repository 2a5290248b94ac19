import { afterAll, beforeAll, expect, it } from 'vitest'
import { type BrowserName, type RunningBrowser, startBrowser } from '../browsers/browser.ts'
import { servePage } from '../browsers/serve-page.ts'
import { api, limited, type Reply } from '../servers/api.ts'
import type * as Page from './tabs.page.ts'

// The bundle of tabs.page.ts, inside the page.
declare const page: typeof Page

let site: Awaited<ReturnType<typeof servePage>>
const browsers: RunningBrowser[] = []
beforeAll(async () => {
  site = await servePage('test/throttle/tabs.page.ts')
})
afterAll(async () => {
  await Promise.all(browsers.map((browser) => browser.close()))
  await site.close()
})

const pause = (duration: number) => new Promise((resolve) => setTimeout(resolve, duration))

/** What a page of another origin may call, and read. */
const open = (reply: Reply = {}): Reply => ({
  ...reply,
  headers: {
    'access-control-allow-origin': '*',
    'access-control-allow-headers': '*',
    'access-control-expose-headers': 'Retry-After',
    'access-control-max-age': '600',
    ...reply.headers,
  },
})

/** An API for pages, and when each request came that was no preflight. */
async function forPages(script: (index: number) => Reply | Promise<Reply>) {
  const at: number[] = []
  const { url } = await api(async ({ method, at: now }) =>
    open(method === 'OPTIONS' ? { status: 204, body: '' } : await script(at.push(now) - 1)),
  )
  return { url, at }
}

it.each<BrowserName>(['chromium', 'firefox'])(
  'T6 T29 two tabs of %s share a refusal: one of them probes, then the rest',
  async (name) => {
    const browser = await startBrowser(name)
    browsers.push(browser)
    const [one, two] = [await browser.open(site.url), await browser.open(site.url)]
    const { url, at } = await forPages(async (index) => {
      if (index > 1) return {}
      // The refusal comes while the other tab has not sent anything yet; the probe takes its time.
      if (index === 1) await pause(300)
      return index ? {} : limited('2')
    })
    const send = (target: string, count: number) => page.send(target, count)
    const first = one.evaluate(send, url, 1)
    while (!at.length) await pause(10)
    await pause(300)
    const rest = await Promise.all([first, one.evaluate(send, url, 3), two.evaluate(send, url, 3)])
    expect(rest.flat()).toEqual(Array(7).fill(200))
    expect(at).toHaveLength(8)
    const [refusal = 0, probe = 0, next = 0] = at
    expect(probe - refusal).toBeGreaterThanOrEqual(2000)
    expect(next - probe).toBeGreaterThanOrEqual(295)
  },
)

it('T4 T6 a tab that opens later learns of the gate before its first request', async () => {
  const browser = browsers[0]!
  const { url, at } = await forPages(() => limited('30'))
  const impatient = (target: string) => page.send(target, 1, 1000)
  const [one, two] = [await browser.open(site.url), await browser.open(site.url)]
  expect(await one.evaluate(impatient, url)).toEqual(['HTTPError'])
  expect(await two.evaluate(impatient, url)).toEqual(['RateLimitError'])
  expect(at).toHaveLength(1)
})
