// The browsers of this machine, as the suite of the engines sees them: a page, a script run in it, an end.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { startBrowser, startWebKit } from '../test/browsers/browser.ts'

/** Each opens a page at a URL: `{ version, run(expression), close() }`; `run` gives what the expression's promise resolves to. */
export const browsers = {
  chromium: (url) => withPuppeteer('chromium', 'chromium', url),
  firefox: (url) => withPuppeteer('firefox', 'firefox-esr', url),
  async webkit(url) {
    needed('WebKitWebDriver', 'webkit2gtk-driver')
    needed('xvfb-run', 'xvfb xauth')
    const { version, evaluate, close } = await startWebKit(url)
    return { version, run: (expression) => evaluate((text) => new Function(`return ${text}`)(), expression), close }
  },
}

async function withPuppeteer(name, program, url) {
  needed(program, program)
  const browser = await startBrowser(name)
  const { page } = await browser.open(url)
  return { version: browser.version, run: (expression) => page.evaluate(expression), close: browser.close }
}

function needed(program, packages) {
  const found = (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  if (!found)
    throw Object.assign(new Error(`${program} is not installed`), {
      absent: `no ${program}: apt-get install ${packages}`,
    })
}
