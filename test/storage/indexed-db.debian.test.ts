import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type BrowserName, type OpenTab, type RunningBrowser, startBrowser, startWebKit } from '../browsers/browser.ts'
import { servePage } from '../browsers/serve-page.ts'
import { cases } from './cases.ts'
import type * as Page from './indexed-db.page.ts'

// The bundle of indexed-db.page.ts, inside the page.
declare const page: typeof Page

let site: Awaited<ReturnType<typeof servePage>>
beforeAll(async () => {
  site = await servePage('test/storage/indexed-db.page.ts')
})
afterAll(() => site.close())

let fresh = 0
const newName = () => `test ${++fresh}`
const SECRET = 'Zq7_kV3wX~canary.0123456789'

for (const name of ['chromium', 'firefox'] as BrowserName[])
  describe(`IndexedDB in ${name}`, () => {
    let browser: RunningBrowser
    let one: OpenTab
    let two: OpenTab
    beforeAll(async () => {
      browser = await startBrowser(name)
      one = await browser.open(site.url)
      two = await browser.open(site.url)
    })
    afterAll(() => browser.close())

    for (const what of Object.keys(cases)) it(what, () => one.evaluate((what) => page.run(what), what))

    it('P1 two tabs × 200 increments lose none', async () => {
      const db = newName()
      await Promise.all([one, two].map((tab) => tab.evaluate((db) => page.increment(db, 200), db)))
      expect(await one.evaluate((db) => page.read(db), db)).toBe('400')
    }, 60_000)

    it('two tabs that make the key at the same time make one: 50 rounds, nothing unreadable', async () => {
      const start = Date.now() + 300
      const made = await Promise.all([
        one.evaluate((start) => page.firstUses(start, 50, 'one'), start),
        two.evaluate((start) => page.firstUses(start, 50, 'two'), start),
      ])
      const seen = await Promise.all([one, two].map((tab) => tab.evaluate((start) => page.readBoth(start, 50), start)))
      expect([...made, ...seen].flat()).toEqual([])
    }, 60_000)

    it('P2 300 contended rounds over two tabs: never two holders', async () => {
      const db = newName()
      const intruders = await Promise.all([one, two].map((tab) => tab.evaluate((db) => page.contend(db, 150), db)))
      expect(intruders).toEqual([0, 0])
    }, 60_000)

    it('P5 a lock is bounded in its wait, lets get and put through, and is free when its tab is closed', async () => {
      const db = newName()
      const holder = await browser.open(site.url)
      await holder.evaluate((db) => page.hold(db), db)
      await expect(one.evaluate((db) => page.acquire(db, 100), db)).rejects.toThrow('100 ms')
      await one.evaluate((db) => page.write(db, 'through'), db)
      expect(await two.evaluate((db) => page.read(db), db)).toBe('through')
      const waiting = one.evaluate((db) => page.acquire(db, 20_000), db)
      await freed(holder.page.close(), waiting, 'closed')
    })

    it('P9 other tabs hear of changes, and P8 only id and version are said', async () => {
      const db = newName()
      await two.evaluate((db) => page.listen(db), db)
      await one.evaluate((db, value) => page.write(db, value), db, SECRET)
      await one.evaluate((db) => page.remove(db), db)
      const heard = await two.evaluate(() => page.heardSoFar(4))
      const version = expect.stringMatching(/^[0-9a-f]{32}$/)
      expect(heard.length).toBe(4)
      expect(heard).toEqual(
        expect.arrayContaining([
          { change: { version } },
          { change: { version: null } },
          { message: { id: 'id', version } },
          { message: { id: 'id', version: null } },
        ]),
      )
    })

    it('P7 a sign-out in one tab is not undone by a late write in another', async () => {
      const db = newName()
      await one.evaluate((db) => page.write(db, 'session'), db)
      const late = await two.evaluate(async (db) => {
        const store = page.storeOf(db)
        const entry = await store.get('id')
        return entry?.version
      }, db)
      await one.evaluate((db) => page.remove(db), db)
      const put = (version: string) =>
        two.evaluate(
          async (db, version) => page.storeOf(db).put('id', new Uint8Array([1]), { ifVersion: version as never }),
          db,
          version,
        )
      expect(await put(late as string)).toMatchObject({ ok: false })
      expect(await one.evaluate((db) => page.read(db), db)).toBeUndefined()
    })

    it('nobody waits for us: deleteDatabase and upgrades go through while two tabs have it open', async () => {
      const db = newName()
      for (const tab of [one, two]) await tab.evaluate((db) => page.write(db, 'old'), db)
      expect(await one.evaluate((db) => page.deleteDatabase(db), db)).toBe('deleted')
      expect(await two.evaluate((db) => page.read(db), db)).toBeUndefined()
      // Both knew the key that is gone: they must agree on a new one.
      await two.evaluate((db) => page.write(db, 'of two', 'two'), db)
      await one.evaluate((db) => page.write(db, 'of one', 'one'), db)
      for (const tab of [one, two])
        expect(await tab.evaluate(async (db) => [await page.read(db, 'one'), await page.read(db, 'two')], db)).toEqual([
          'of one',
          'of two',
        ])
      expect(await one.evaluate((db) => page.readAnew(db, 'two'), db)).toBe('of two')
      expect(await one.evaluate((db) => page.deleteDatabase(db), db)).toBe('deleted')
      await one.evaluate((db) => page.write(db, 'new'), db)
      expect(await two.evaluate((db) => page.read(db), db)).toBe('new')
      expect(await one.evaluate((db) => page.upgradeDatabase(db), db)).toBe('upgraded')
      expect(await two.evaluate((db) => page.codeOf('read', db), db)).toBe('unavailable')
    })

    it('a connection that was closed without an event is opened again', async () => {
      const db = newName()
      await one.evaluate((db) => page.write(db, 'kept'), db)
      await one.evaluate(() => page.closeBehind())
      expect(await one.evaluate((db) => page.read(db), db)).toBe('kept')
      await one.evaluate(() => page.closeBehind())
      await one.evaluate((db) => page.write(db, 'written'), db)
      expect(await two.evaluate((db) => page.read(db), db)).toBe('written')
    })

    it('P5 a browser that never opens the database is waited for no longer than the timeout', async () => {
      expect(await one.evaluate((db) => page.neverOpens(db), newName())).toEqual(['unavailable', 'undefined'])
    })

    it('P5 a database that opens too late is closed at once, and opened again when it is needed', async () => {
      expect(await one.evaluate((db) => page.opensLate(db), newName())).toEqual(['unavailable', 'deleted', 'undefined'])
    })

    it('P6 a damaged or swapped record, or a lost key, is never absent, and a create keeps it aside', async () => {
      const [damaged, swapped, keyless] = [newName(), newName(), newName()]
      await one.evaluate((db) => page.write(db, 'x'), damaged)
      await one.evaluate((db) => page.flipBit(db), damaged)
      expect(await one.evaluate((db) => page.codeOf('read', db), damaged)).toBe('corrupt')
      expect(await one.evaluate((db) => page.create(db, 'new'), damaged)).toBe(true)
      expect(await two.evaluate((db) => page.read(db), damaged)).toBe('new')
      const keys = await one.evaluate((db) => page.keysOf(db), damaged)
      expect(keys).toEqual(['key', 'record id', expect.stringMatching(/^record id~unreadable~/)])

      for (const id of ['id', 'other']) await one.evaluate((db, id) => page.write(db, id, id), swapped, id)
      await one.evaluate((db) => page.swapRecords(db, 'id', 'other'), swapped)
      expect(await one.evaluate((db) => page.codeOf('read', db), swapped)).toBe('corrupt')

      await one.evaluate((db) => page.write(db, 'x'), keyless)
      await one.evaluate((db) => page.loseKey(db), keyless)
      expect(await two.evaluate((db) => page.codeOf('read', db), keyless)).toBe('key_mismatch')
      expect(await two.evaluate((db) => page.create(db, 'new'), keyless)).toBe(true)
      expect(await one.evaluate((db) => page.read(db), keyless)).toBe('new')
    })

    it('keys cannot be exported, and a pair is the same in all tabs', async () => {
      const db = newName()
      await one.evaluate((db) => page.write(db, 'x'), db)
      expect(await one.evaluate((db) => page.exportKey(db), db)).toBe('InvalidAccessError')
      const signature = await one.evaluate((db) => page.signed(db, 'content'), db)
      expect(await two.evaluate((db, signature) => page.verified(db, 'content', signature), db, signature)).toBe(true)
    })

    it('a sandboxed frame is told that nothing can be kept there', async () => {
      expect(await one.evaluate(() => page.inSandbox())).toEqual(['unavailable', 'unavailable', 'unavailable'])
    })

    it('P10 without Web Locks the traits say how far a lock reaches', async () => {
      expect(await one.evaluate(() => page.withoutLocks())).toEqual(['realm', 'origin'])
    })

    it('P8 describes itself without a secret', async () => {
      const db = newName()
      await one.evaluate((db, value) => page.write(db, value), db, SECRET)
      await one.evaluate((db) => page.hold(db), db)
      const report = await one.evaluate((db) => page.report(db), db)
      expect(report).toMatchObject({
        backend: 'indexed-db',
        durability: 'power-loss',
        atRest: 'same-disk-key',
        lock: 'origin',
        notify: 'push',
        locksHeld: 1,
        locksAwaited: 0,
      })
      expect(JSON.stringify(report)).not.toContain('canary')
    })

    it('P4 what was put survives a SIGKILL, and P8 the secret stands in no file of the profile', async () => {
      const profile = mkdtempSync(join(tmpdir(), `latchkey-${name}-`))
      onTestFinished(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }))
      const doomed = await startBrowser(name, { profile })
      const tab = await doomed.open(site.url)
      const signature = await tab.evaluate(async (secret) => {
        await page.write('kept', 'first')
        const signature = await page.signed('kept', 'content')
        await page.write('kept', secret)
        return signature
      }, SECRET)
      await doomed.kill()
      expect(filesWith(profile, SECRET)).toEqual([])
      expect(filesWith(profile, 'record id').length).toBeGreaterThan(0)
      const next = await startBrowser(name, { profile })
      onTestFinished(() => next.close())
      const again = await next.open(site.url)
      expect(await again.evaluate(() => page.read('kept'))).toBe(SECRET)
      expect(await again.evaluate((signature) => page.verified('kept', 'content', signature), signature)).toBe(true)
    }, 150_000)

    // What only Chromium's protocol can do to a page.
    if (name === 'chromium') {
      it('a full origin is told from others, and what was stored stands', async () => {
        const db = newName()
        await one.evaluate((db) => page.write(db, 'kept'), db)
        const devtools = await one.page.createCDPSession()
        const origin = new URL(site.url).origin
        await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1000 })
        // Chromium notices either a moment later.
        const write = () => one.evaluate((db) => page.codeOf('write', db), db)
        await expect.poll(write, { timeout: 90_000, interval: 500 }).toBe('quota')
        expect(await one.evaluate((db) => page.read(db), db)).toMatch(/^(kept|value)$/)
        await devtools.send('Storage.overrideQuotaForOrigin', { origin })
        await expect.poll(write, { timeout: 90_000, interval: 500 }).toBe('resolved')
        await one.evaluate((db) => page.write(db, 'after'), db)
        expect(await two.evaluate((db) => page.read(db), db)).toBe('after')
      }, 200_000)

      it('site data that the user cleared is absent, and new data can be written by all tabs', async () => {
        const db = newName()
        for (const tab of [one, two]) await tab.evaluate((db) => page.write(db, 'old'), db)
        const devtools = await one.page.createCDPSession()
        await devtools.send('Storage.clearDataForOrigin', {
          origin: new URL(site.url).origin,
          storageTypes: 'indexeddb',
        })
        expect(await one.evaluate((db) => page.read(db), db)).toBeUndefined()
        await two.evaluate((db) => page.write(db, 'of two'), db)
        expect(await one.evaluate((db) => page.read(db), db)).toBe('of two')
      })

      it('the lock of a crashed tab is free, and of a frozen one it is not', async () => {
        const db = newName()
        const holder = await browser.open(site.url)
        await holder.evaluate((db) => page.hold(db), db)
        const devtools = await holder.page.createCDPSession()
        await devtools.send('Page.setWebLifecycleState', { state: 'frozen' })
        await expect(one.evaluate((db) => page.acquire(db, 300), db)).rejects.toThrow('300 ms')
        await one.evaluate((db) => page.write(db, 'through'), db)
        await devtools.send('Page.setWebLifecycleState', { state: 'active' })
        const waiting = one.evaluate((db) => page.acquire(db, 20_000), db)
        // A crashed page never answers.
        await freed(
          devtools.send('Page.crash').catch(() => {}),
          waiting,
          'crashed',
        )
      })
    }
  })

/** Prints how long it took until the lock of a tab that went away was had by another. */
async function freed(gone: Promise<unknown>, waiting: Promise<unknown>, how: string): Promise<void> {
  const start = performance.now()
  void gone
  await waiting
  const took = Math.round(performance.now() - start)
  console.info(`IndexedDB: the lock of a tab that was ${how} was had after ${took} ms`)
  expect(took).toBeLessThan(10_000)
}

/** Files in which the text stands as it is, or as UTF-16, which browsers also write. */
function filesWith(folder: string, text: string): string[] {
  const utf16 = [...text].map((character) => `${character.replace(/[^\w ]/, '\\$&')}\\x00`).join('')
  try {
    const found = execFileSync('grep', ['-rlaP', `${text.replaceAll('.', '\\.')}|${utf16}`, folder], {
      env: { ...process.env, LC_ALL: 'C' },
    })
    return String(found).trim().split('\n')
  } catch {
    return []
  }
}

describe('IndexedDB in WebKitGTK', () => {
  let tab: Awaited<ReturnType<typeof startWebKit>>
  beforeAll(async () => {
    tab = await startWebKit(site.url)
  })
  afterAll(() => tab.close())

  for (const what of Object.keys(cases)) it(what, () => tab.evaluate((what) => page.run(what), what))
})
