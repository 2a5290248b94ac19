import { expect, it, onTestFinished } from 'vitest'
import { servePage } from '../../examples/react/serve.ts'
import { startBrowser } from '../browsers/browser.ts'

it('the React page signs in, loads more than the API allows at once, and loses nothing', async () => {
  const { url, close } = await servePage()
  onTestFinished(close)
  const browser = await startBrowser('chromium')
  onTestFinished(() => browser.close())
  const { page } = await browser.open(url)
  const wait = { timeout: 30_000, polling: 100 }

  await page.setViewport({ width: 1040, height: 560 })
  await page.waitForSelector('button.primary', wait)
  await Promise.all([page.waitForNavigation(), page.click('button.primary')])
  await page.waitForSelector('input[name=login]', wait)
  await page.type('input[name=login]', 'ada')
  await page.type('input[name=password]', 'any')
  await Promise.all([page.waitForNavigation(), page.click('button[type=submit]')])
  // The server asks whether the page may; then the page is back, without a code in its address.
  await page.waitForSelector('button[type=submit]', wait)
  await Promise.all([page.waitForNavigation(), page.click('button[type=submit]')])
  await page.waitForFunction(() => document.getElementById('user')?.textContent === 'ada', wait)
  expect(page.url()).toBe(url)

  await page.waitForFunction(() => document.querySelectorAll('td').length === 15, wait)
  await page.click('#all')
  // `LATCHKEY_SCREENSHOT=docs/react.png` makes the picture of the README anew.
  if (process.env.LATCHKEY_SCREENSHOT) {
    await page.waitForFunction(() => Number(document.getElementById('answered')?.textContent) >= 30, wait)
    await page.screenshot({ path: process.env.LATCHKEY_SCREENSHOT as `${string}.png` })
  }
  await page.waitForFunction(() => Number(document.getElementById('answered')?.textContent) >= 61, wait)
  expect(await page.$$eval('.calls .failed', (failed) => failed.length)).toBe(0)
  expect(await page.$eval('.quota', (quota) => quota.textContent)).toContain('of 20 left')

  await Promise.all([page.waitForNavigation(), page.click('header button')])
  expect(page.url()).toContain('/session/end')
}, 90_000)
