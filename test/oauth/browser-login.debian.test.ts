import type { Page } from 'puppeteer-core'
import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import { type BrowserName, startBrowser } from '../browsers/browser.ts'
import { openIdProvider } from '../servers/openid.ts'
import { page } from './pages.ts'

afterEach(() => void vi.restoreAllMocks())

/** examples/browser-login.ts, in tabs of a real browser, against a real server. */
async function tabs({
  name = 'chromium',
  isolated,
}: {
  name?: BrowserName
  isolated?: 'server' | 'page' | undefined
} = {}) {
  const coop = { 'cross-origin-opener-policy': 'same-origin' }
  let waits = isolated !== undefined
  const as = await openIdProvider({
    beside(request, response) {
      if (isolated === 'server') response.setHeaders(new Map(Object.entries(coop)))
      if (!waits || !request.url?.startsWith('/auth?')) return false
      // A user who thinks, for longer than a closed window is looked at.
      waits = false
      response
        .setHeader('content-type', 'text/html')
        .end('<!doctype html><title>Sign in</title><meta http-equiv="refresh" content="3">')
      return true
    },
  })
  const { url, calls } = await page(as, 'app', isolated === 'page' ? coop : {})
  const browser = await startBrowser(name, { screen: name === 'chromium' && isolated !== undefined })
  onTestFinished(() => browser.close())
  const open = async (at = url) => (await browser.open(at)).page
  return { as, url, calls, open }
}
// A tab in the background paints nothing: it is looked at by the clock.
const WAIT = { timeout: 20_000, polling: 100 }
const says = (tab: Page, id: string, text: string) =>
  tab.waitForFunction((id, text) => document.getElementById(id)?.textContent?.includes(text), WAIT, id, text) // biome-ignore format: one line
const press = (tab: Page, id: string) => tab.evaluate((id) => document.getElementById(id)?.click(), id)
const text = (tab: Page, id: string) => tab.$eval(`#${id}`, (element) => element.textContent)

it('a page signs in by redirect; tabs share the session, a reload keeps it, and a sign-out in one is seen in the other', async () => {
  const { as, url, calls, open } = await tabs()
  const one = await open(`${url}orders?page=2`)
  await says(one, 'user', 'Nobody')
  await press(one, 'redirect')
  // It was there before: only with somebody signed in it is back.
  await one.waitForFunction((there) => location.href === there && document.getElementById('user')?.textContent?.includes('alice'), WAIT, `${url}orders?page=2`) // biome-ignore format: one line
  await press(one, 'call')
  await says(one, 'answer', 'Ada')

  const two = await open()
  await says(two, 'user', 'Signed in as alice')
  await press(two, 'call')
  await says(two, 'answer', 'Ada')
  expect(calls).toEqual(['DPoP', 'DPoP'])
  expect(as.posts('/token')).toHaveLength(1)

  await one.reload()
  await says(one, 'user', 'Signed in as alice')
  await press(one, 'call')
  await says(one, 'answer', 'Ada')
  expect(as.posts('/token')).toHaveLength(1)

  await two.bringToFront()
  await press(two, 'sign-out')
  await says(one, 'user', 'Nobody')
  await one.bringToFront()
  await press(one, 'call')
  await says(one, 'answer', 'interaction_required')
  expect(as.posts('/token/revocation')).toHaveLength(1)
  // The server asks whether its own session is to end too.
  expect(two.url()).toContain(`${as.issuer}/session/end`)
}, 90_000)

it.each([
  ['chromium', undefined],
  ['chromium', 'server'],
  ['chromium', 'page'],
  ['firefox', undefined],
  ['firefox', 'server'],
] as const)(
  'a page signs in by a popup of %s, without leaving, and the window closes itself (isolated by COOP: %s)',
  async (name, isolated) => {
    const { as, url, open } = await tabs({ name, isolated })
    const one = await open()
    await says(one, 'user', 'Nobody')
    await one.evaluate(() => Object.assign(globalThis, { stayed: true }))
    const opened = new Promise<Page | null>((resolve) => one.once('popup', resolve))
    await one.click('#popup')
    const popup = await opened
    if (isolated) {
      await popup?.waitForFunction(() => document.title === 'Sign in', WAIT)
      // Neither can see the other.
      expect(await popup?.evaluate(() => opener)).toBe(null)
    }
    await says(one, 'user', 'Signed in as alice')
    expect(await text(one, 'answer')).toBe('')
    expect(await one.evaluate(() => 'stayed' in globalThis)).toBe(true)
    expect(one.url()).toBe(url)
    await press(one, 'call')
    await says(one, 'answer', 'Ada')
    expect(as.posts('/token')).toHaveLength(1)
    const left = async () => (await one.browser().pages()).filter((tab) => tab.url().includes('/cb'))
    await vi.waitFor(async () => expect(await left()).toEqual([]), { timeout: 10_000 })
  },
  90_000,
)

it('what the user refuses in the popup is told in the page', async () => {
  const { as, open } = await tabs()
  as.user = 'refuses'
  const one = await open()
  await says(one, 'user', 'Nobody')
  await one.click('#popup')
  await says(one, 'answer', 'access_denied')
  expect(await text(one, 'user')).toContain('Nobody')
}, 90_000)

it('a popup that the user closes, or that the browser does not open, is told in the page', async () => {
  const { as, open } = await tabs()
  const one = await open()
  await says(one, 'user', 'Nobody')
  as.faults['/auth'] = [() => {}]
  // By the page's own hold on it: a driver never gets hold of a window that has nothing to show yet, now and then.
  await one.evaluate(() => {
    const { open } = globalThis
    const keep = (...wanted: Parameters<typeof open>) => Object.assign(globalThis, { popup: open(...wanted) }).popup
    Object.assign(globalThis, { open: keep })
  })
  await one.click('#popup')
  await vi.waitFor(() => expect(as.faults['/auth']).toEqual([]), { timeout: 20_000 })
  await one.evaluate(() => (globalThis as unknown as { popup: Window }).popup.close())
  await says(one, 'answer', 'closed before anybody signed in')
  await one.evaluate(() => Object.assign(globalThis, { open: () => null }))
  await one.click('#popup')
  await says(one, 'answer', 'opened no window')
  expect(as.posts('/token')).toEqual([])
}, 90_000)

it('a popup that no page can see is told to be closed once the user is back', async () => {
  const { as, open } = await tabs({ isolated: 'server' })
  const one = await open()
  await says(one, 'user', 'Nobody')
  const opened = new Promise<Page | null>((resolve) => one.once('popup', resolve))
  await one.click('#popup')
  const popup = await opened
  await popup?.waitForFunction(() => document.title === 'Sign in', WAIT)
  await popup?.close()
  await one.bringToFront()
  await says(one, 'answer', 'closed before anybody signed in')
  expect(as.posts('/token')).toEqual([])
}, 90_000)

it('the address bar shows neither code nor state once the page has them', async () => {
  const { as, url, open } = await tabs()
  const one = await open()
  await says(one, 'user', 'Nobody')
  as.user = 'refuses'
  await press(one, 'redirect')
  await says(one, 'answer', 'access_denied')
  expect(one.url()).toBe(`${url}cb`)
  expect(await one.evaluate(() => history.length)).toBeLessThan(10)
}, 90_000)
