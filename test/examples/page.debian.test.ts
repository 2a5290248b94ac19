import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { expect, it, onTestFinished } from 'vitest'

it('the page runs the client in a real browser, shows every request, and all verdicts pass', async () => {
  const demo = spawn(process.execPath, ['examples/gateway/demo.ts', '--serve'])
  onTestFinished(() => void demo.kill())
  const url = await new Promise<string>((resolve, reject) => {
    let output = ''
    demo.stdout.on('data', (chunk) => {
      output += chunk
      const found = /Open (\S+) to watch/.exec(output)
      if (found) resolve(found[1] as string)
    })
    demo.on('exit', () => reject(new Error(output)))
  })
  const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
  onTestFinished(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1160, height: 820 } })
  await page.goto(url)
  await page.waitForSelector('.waiting')
  await page.waitForFunction(() => document.body.dataset.done, null, { timeout: 30_000 })
  expect(await page.textContent('#summary')).toBe('12 of 12 passed')
  expect(await page.locator('article.passed').count()).toBe(12)
  expect(await page.locator('article:has-text("60 calls") i').count()).toBe(60)
  const shot = join(tmpdir(), `latchkey-page-${process.pid}.png`)
  await page.screenshot({ path: shot })
  expect(statSync(shot).size).toBeGreaterThan(20_000)
}, 60_000)
