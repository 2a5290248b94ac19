import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'puppeteer-core'
import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import { type BrowserName, startBrowser } from '../browsers/browser.ts'
import { page as servePage } from '../oauth/pages.ts'
import { openIdProvider } from '../servers/openid.ts'

afterEach(() => void vi.restoreAllMocks())

// A tab in the background paints nothing: it is looked at by the clock.
const WAIT = { timeout: 20_000, polling: 100 }
const says = (tab: Page, id: string, text: string) =>
  tab.waitForFunction((id, text) => document.getElementById(id)?.textContent?.includes(text), WAIT, id, text) // biome-ignore format: one line
const press = (tab: Page, id: string) => tab.evaluate((id) => document.getElementById(id)?.click(), id)

/** examples/browser-login.ts, in a profile that outlives the browser. */
it.each<BrowserName>(['chromium', 'firefox'])(
  'a login in %s survives reload and restart, and ends in all tabs at once',
  async (name) => {
    const as = await openIdProvider()
    const { url, calls } = await servePage(as, 'app')
    const profile = mkdtempSync(join(tmpdir(), `latchkey-${name}-`))
    onTestFinished(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }))
    let browser = await startBrowser(name, { profile })
    onTestFinished(() => browser.close())
    const open = async () => (await browser.open(url)).page

    const first = await open()
    await says(first, 'user', 'Nobody')
    await press(first, 'redirect')
    // The page it comes back to says so too, and leads on to where it was before.
    await first.waitForFunction((there) => location.href === there && document.getElementById('user')?.textContent?.includes('alice'), WAIT, url) // biome-ignore format: one line
    await press(first, 'call')
    await says(first, 'answer', 'Ada')
    await first.reload()
    await says(first, 'user', 'Signed in as alice')

    // Once closed as a user does, and once killed.
    for (const end of ['close', 'kill'] as const) {
      await browser[end]()
      browser = await startBrowser(name, { profile })
      const again = await open()
      await says(again, 'user', 'Signed in as alice')
      await press(again, 'call')
      await says(again, 'answer', 'Ada')
    }
    expect(calls).toEqual(['DPoP', 'DPoP', 'DPoP'])
    expect(as.posts('/token')).toHaveLength(1)

    const [one, two] = [await open(), await open()]
    for (const tab of [one, two]) await says(tab, 'user', 'Signed in as alice')
    await press(two, 'sign-out')
    await says(one, 'user', 'Nobody')
    await vi.waitFor(() => expect(as.posts('/token/revocation')).toHaveLength(1), WAIT)
    await browser.close()
    browser = await startBrowser(name, { profile })
    await says(await open(), 'user', 'Nobody')
    expect(as.posts('/token')).toHaveLength(1)
  },
  120_000,
)
