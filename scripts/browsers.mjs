// Real browsers of this machine, each with what its vendor's own protocol needs: a page, a script run in it, an end.
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'

const CHROMIUM_FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Chromium's sandbox refuses to run for root.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
]
const MINI_BROWSER = '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser'
const PATIENCE = 180_000

/** Each opens a page at a URL: `{ version, run(expression), close() }`; `run` gives what the expression's promise resolves to. */
export const browsers = {
  async chromium(url) {
    const executablePath = program('chromium', 'chromium')
    const { chromium } = await import('playwright-core')
    const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS })
    const page = await browser.newPage()
    await page.goto(url)
    return {
      version: browser.version(),
      run: (expression) => page.evaluate(expression),
      close: () => browser.close(),
    }
  },

  async firefox(url) {
    const executablePath = program('firefox-esr', 'firefox-esr')
    const { launch } = await import('puppeteer-core')
    const browser = await launch({ browser: 'firefox', executablePath, headless: true, protocolTimeout: PATIENCE })
    const page = await browser.newPage()
    await page.goto(url)
    return {
      version: (await browser.version()).replace(/^\D*/, ''),
      run: (expression) => page.evaluate(expression),
      close: () => browser.close(),
    }
  },

  async webkit(url) {
    program('WebKitWebDriver', 'webkit2gtk-driver')
    program('xvfb-run', 'xvfb xauth')
    const port = await freePort()
    const driver = spawn('xvfb-run', ['-a', 'WebKitWebDriver', `--port=${port}`, '--host=127.0.0.1'], {
      stdio: 'ignore',
      detached: true,
    })
    const stop = () => {
      try {
        process.kill(-driver.pid)
      } catch {}
    }
    try {
      const ask = webDriver(`http://127.0.0.1:${port}`)
      await retried(() => ask('GET', '/status'))
      const { sessionId, capabilities } = await ask('POST', '/session', {
        capabilities: {
          alwaysMatch: { 'webkitgtk:browserOptions': { binary: MINI_BROWSER, args: ['--automation'] } },
        },
      })
      const session = `/session/${sessionId}`
      await ask('POST', `${session}/timeouts`, { script: PATIENCE })
      await ask('POST', `${session}/url`, { url })
      return {
        version: capabilities.browserVersion,
        async run(expression) {
          const script = `const done = arguments[0]; (async () => (${expression}))().then((value) => done({ value }), (error) => done({ error: String(error) }))`
          const { value, error } = await ask('POST', `${session}/execute/async`, { script, args: [] })
          if (error) throw new Error(error)
          return value
        },
        async close() {
          await ask('DELETE', session).catch(() => {})
          stop()
        },
      }
    } catch (error) {
      stop()
      throw error
    }
  },
}

/** The path of a program, or an error that says how to get it. */
function program(name, packages) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {}
  }
  throw Object.assign(new Error(`${name} is not installed`), { absent: `no ${name}: apt-get install ${packages}` })
}

function webDriver(base) {
  return async (method, path, body) => {
    // Without a display this driver hangs instead of failing.
    const signal = AbortSignal.timeout(PATIENCE)
    const init = { method, signal, ...(body && { body: JSON.stringify(body) }) }
    const response = await fetch(base + path, init)
    const { value } = await response.json()
    if (!response.ok) throw new Error(`WebDriver: ${value.error} ${value.message}`)
    return value
  }
}

async function retried(task) {
  for (let i = 0; ; i++) {
    try {
      return await task()
    } catch (error) {
      if (i === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
