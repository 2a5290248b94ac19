import { afterAll, beforeAll, describe, it } from 'vitest'
import { type BrowserName, type RunningBrowser, startBrowser, startWebKit, type Tab } from '../browsers/browser.ts'
import { servePage } from '../browsers/serve-page.ts'
import { cases } from './cases.ts'
import type * as Page from './indexed-db.page.ts'

declare const page: typeof Page

let site: Awaited<ReturnType<typeof servePage>>
beforeAll(async () => {
  site = await servePage('test/storage/indexed-db.page.ts')
})
afterAll(() => site.close())

for (const name of ['chromium', 'firefox'] as BrowserName[])
  describe(`the store contract: IndexedDB in ${name}`, () => {
    let browser: RunningBrowser
    let tab: Tab
    beforeAll(async () => {
      browser = await startBrowser(name)
      tab = await browser.open(site.url)
    })
    afterAll(() => browser.close())

    for (const what of Object.keys(cases)) it(what, () => tab.evaluate((name) => page.run(name), what))
  })

describe('the store contract: IndexedDB in WebKitGTK', () => {
  let tab: Awaited<ReturnType<typeof startWebKit>>
  beforeAll(async () => {
    tab = await startWebKit(site.url)
  })
  afterAll(() => tab.close())

  for (const what of Object.keys(cases)) it(what, () => tab.evaluate((name) => page.run(name), what))
})
