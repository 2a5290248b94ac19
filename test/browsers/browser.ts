// Real browsers, driven from Node: Chromium over CDP and Firefox over BiDi by puppeteer-core, WebKitGTK over WebDriver.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultArgs, launch, type Page } from 'puppeteer-core'
import { freePorts } from '../servers/ports.ts'

export type BrowserName = 'chromium' | 'firefox'

/** What a page is asked: a function that is sent as text, so it may use nothing from around it, and JSON. */
export interface Tab {
  evaluate<Given extends unknown[], Result>(
    task: (...given: Given) => Result,
    ...given: Given
  ): Promise<Awaited<Result>>
}

/** A tab with Puppeteer's own page, for all else. */
export interface OpenTab extends Tab {
  readonly page: Page
}

export interface RunningBrowser {
  readonly name: BrowserName
  /** The browser's own word, as numbers. */
  readonly version: string
  /** The folder of the profile; start another browser on it to see what survived. */
  readonly profile: string
  /** A new tab; all tabs share one profile. */
  open(url: string): Promise<OpenTab>
  close(): Promise<void>
  /** SIGKILL: nothing is flushed. */
  kill(): Promise<void>
}

const CHROMIUM = '--no-sandbox --disable-gpu --disable-quic --disable-component-update --disable-sync'.split(' ')
const PATIENCE = 180_000
// Tabs that nobody sees are as quick as the one in front.
const FIREFOX = {
  'dom.min_background_timeout_value': 4,
  'dom.min_background_timeout_value_without_budget_throttling': 4,
  'dom.timeout.enable_budget_timer_throttling': false,
}

/**
 * Starts Debian's browser without a window. The profile is a new folder, gone with `close`, unless one is given. With `screen`, Chromium
 * has one, where one page has the focus and the others have not.
 */
export async function startBrowser(
  name: BrowserName,
  {
    profile,
    screen,
    preferences = {},
  }: { profile?: string; screen?: boolean; preferences?: Record<string, unknown> } = {},
): Promise<RunningBrowser> {
  const chromium = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
  const userDataDir = profile ?? mkdtempSync(join(tmpdir(), `latchkey-${name}-`))
  const browser = await launch(
    name === 'chromium'
      ? {
          browser: 'chrome',
          protocolTimeout: PATIENCE,
          userDataDir,
          ...(screen
            ? {
                executablePath: '/usr/bin/xvfb-run',
                args: ['-a', chromium, ...(await defaultArgs({ headless: false, args: CHROMIUM, userDataDir }))],
                ignoreDefaultArgs: true,
              }
            : { executablePath: chromium, args: CHROMIUM }),
        }
      : {
          browser: 'firefox',
          executablePath: process.env.FIREFOX_PATH ?? '/usr/bin/firefox-esr',
          extraPrefsFirefox: { ...FIREFOX, ...preferences },
          protocolTimeout: PATIENCE,
          userDataDir,
        },
  )
  const remove = () => profile ?? rmSync(userDataDir, { recursive: true, force: true, maxRetries: 5 })
  return {
    name,
    version: (await browser.version()).replace(/^\D*/, ''),
    profile: userDataDir,
    async open(url) {
      const page = await browser.newPage()
      await page.goto(url)
      return {
        page,
        evaluate: (task, ...given) => page.evaluate(task as never, ...(given as unknown as never[])) as never,
      }
    },
    async close() {
      await browser.close()
      await putBack(userDataDir)
      remove()
    },
    async kill() {
      const process = browser.process() as ChildProcess
      const gone = new Promise((resolve) => process.once('exit', resolve))
      process.kill('SIGKILL')
      await gone
      await putBack(userDataDir)
    },
  }
}

/** After Firefox has ended, Puppeteer puts its own preferences out of the profile: who starts on it meanwhile finds them half gone. */
async function putBack(profile: string): Promise<void> {
  for (let tries = 0; tries < 100 && readdirSync(profile).some((file) => file.endsWith('.puppeteer')); tries++)
    await new Promise((resolve) => setTimeout(resolve, 50))
}

/** WebKitGTK in a display of its own. One tab, and a profile that ends with it. */
export async function startWebKit(url: string): Promise<Tab & { readonly version: string; close(): Promise<void> }> {
  const [port] = await freePorts(1)
  const driver = spawn('xvfb-run', ['-a', 'WebKitWebDriver', `--port=${port}`, '--host=127.0.0.1'], {
    stdio: 'ignore',
    detached: true,
  })
  const stop = () => process.kill(-(driver.pid as number), 'SIGKILL')
  try {
    for (let tries = 0; ; tries++) {
      if (await send('GET', '/status').catch(() => undefined)) break
      if (tries > 100) throw new Error('WebKitWebDriver does not answer')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const options = { binary: '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser', args: ['--automation'] }
    const session = await send('POST', '/session', {
      capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': options } },
    })
    const { sessionId, capabilities } = session as { sessionId: string; capabilities: { browserVersion: string } }
    const path = `/session/${sessionId}`
    await send('POST', `${path}/timeouts`, { script: PATIENCE })
    await send('POST', `${path}/url`, { url })
    return {
      version: capabilities.browserVersion,
      async evaluate(task, ...given) {
        const script = `const done = arguments[arguments.length - 1]
          Promise.resolve((${task})(...JSON.parse(arguments[0]))).then((value) => done({ value }), (error) => done({ error: String(error) }))`
        const answer = await send('POST', `${path}/execute/async`, { script, args: [JSON.stringify(given)] })
        const { value, error } = answer as { value: never; error?: string }
        if (error !== undefined) throw new Error(error)
        return value
      },
      async close() {
        await send('DELETE', path).catch(() => {})
        stop()
      },
    }
  } catch (error) {
    stop()
    throw error
  }

  async function send(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      signal: AbortSignal.timeout(PATIENCE),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const { value } = (await answer.json()) as { value: unknown }
    if (!answer.ok) throw new Error(JSON.stringify(value))
    return value
  }
}
