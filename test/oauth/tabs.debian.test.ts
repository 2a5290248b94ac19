import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import { startBrowser } from '../browsers/browser.ts'
import { servePage } from '../browsers/serve-page.ts'
import { strictProvider } from './strict.ts'
import type * as Page from './tabs.page.ts'

// The bundle of tabs.page.ts, inside the page.
declare const page: typeof Page

afterEach(() => void vi.restoreAllMocks())

/** Milliseconds a token lives, and what a round may take for its token to be good to the end. */
const LIFETIME = 1000
const ROUNDS = 22

it('B4 two tabs of Chromium renew once in each window, race as they may, and never use a refresh token twice', async () => {
  const { as, refusals, mint } = await strictProvider()
  as.lifetime = LIFETIME / 1000
  const site = await servePage('test/oauth/tabs.page.ts')
  onTestFinished(site.close)
  const browser = await startBrowser('chromium')
  onTestFinished(() => browser.close())
  const tabs = [await browser.open(site.url), await browser.open(site.url)]
  const first = await mint()
  for (const tab of tabs) await tab.evaluate((issuer, first) => page.open(issuer, first), as.issuer, first)
  const requests = () => as.posts('/token').length

  const began = Date.now()
  const rounds: { made: number; took: number }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = requests()
    // Where both are ready, and the token of the round before has just ended.
    const at = Date.now() + LIFETIME + 20
    const failed = await Promise.all(tabs.map((tab) => tab.evaluate((at) => page.burst(10, at), at)))
    expect(failed).toEqual([[], []])
    rounds.push({ made: requests() - before, took: Date.now() - at })
  }
  // On a busy machine a round may be longer than its window.
  expect(rounds.filter(({ made, took }) => made !== 1 && took < LIFETIME * 0.7)).toEqual([])
  expect(requests()).toBeGreaterThanOrEqual(ROUNDS)
  expect(requests()).toBeLessThanOrEqual((Date.now() - began) / (LIFETIME * 0.8) + 1)

  as.lifetime = 600
  await Promise.all(tabs.map((tab) => tab.evaluate((rounds) => page.renewals(rounds), 50)))
  expect(refusals).toEqual([])
  const spent = as.posts('/token').map(({ form }) => form.get('refresh_token'))
  expect(new Set(spent).size).toBe(spent.length)
  expect(spent.length).toBeGreaterThanOrEqual(ROUNDS + 50)
}, 120_000)
