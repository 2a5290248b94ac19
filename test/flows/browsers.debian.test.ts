import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startGateway } from '../../examples/gateway/gateway.ts'
import { type BrowserName, type RunningBrowser, startBrowser } from '../browsers/browser.ts'
import { servePage } from '../browsers/serve-page.ts'
import type * as Page from './browsers.page.ts'

// The bundle of browsers.page.ts, inside the page.
declare const page: typeof Page

describe.each<BrowserName>(['chromium', 'firefox'])('a page in %s, on another origin than the gateway', (name) => {
  let site: Awaited<ReturnType<typeof servePage>>
  let browser: RunningBrowser
  beforeAll(async () => {
    site = await servePage('test/flows/browsers.page.ts')
    browser = await startBrowser(name)
  })
  afterAll(async () => {
    await browser.close()
    await site.close()
  })

  async function through(cors: 'exposed' | 'hidden') {
    const gateway = await startGateway({ cors })
    onTestFinished(() => gateway.close())
    const tab = await browser.open(site.url)
    return tab.evaluate((url, issuer) => page.playAll(url, issuer), gateway.url, gateway.issuer)
  }

  it('gets through all that it guards, where the server exposes what matters', async () => {
    const { failed, passed, warnings, limited } = await through('exposed')
    expect(failed).toEqual([])
    expect(passed).toBe(12)
    expect(warnings).toEqual([])
    expect(limited).toMatchObject({ requests: 60, refused: 0 })
  }, 90_000)

  it('T29 gets through with the fields hidden, backs off by itself, and is told once what to expose and that it lacks a clock', async () => {
    const { failed, passed, warnings, limited } = await through('hidden')
    // A page that cannot see `Date` needs the option `clock`.
    expect(failed).toEqual([expect.stringMatching(/^A clock an hour off: HTTPError: .* 401 /)])
    expect(passed).toBe(11)
    expect(warnings).toEqual([
      expect.objectContaining({ code: 'headers_hidden', expose: expect.stringContaining('Retry-After') }),
      expect.objectContaining({ code: 'clock_unknown' }),
    ])
    // All 60 leave at once, for nothing is known; what was refused waits, and comes through with hardly another refusal.
    expect(limited?.refused).toBeGreaterThan(0)
    expect(limited?.requests).toBe(60 + (limited?.refused ?? 0))
    expect(limited?.requests).toBeLessThanOrEqual(120)
  }, 90_000)
})
