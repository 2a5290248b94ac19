// Runs one suite over the built package in every engine that is here, and says which it left out.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { build } from 'esbuild'

const run = promisify(execFile)
const root = new URL('..', import.meta.url).pathname
const home = `${root}test/runtimes/`
const bin = (name) => `${home}node_modules/.bin/${name}`
const chromium = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'

if (!existsSync(`${home}node_modules`)) {
  console.log('Installing the engines, once …')
  await run('npm', ['ci', '--prefix', home], { cwd: home })
}
mkdirSync(`${home}.bundle`, { recursive: true })
// The engines have a package.json of their own, so the package is found from its own folder, by its exports.
const self = {
  name: 'self',
  setup: ({ onResolve, resolve }) =>
    onResolve({ filter: /^latchkey(\/|$)/ }, ({ path, kind, pluginData }) =>
      pluginData ? undefined : resolve(path, { kind, resolveDir: root, pluginData: true }),
    ),
}
const bundled = (entry) =>
  build({
    entryPoints: [`${home}${entry}`],
    outfile: `${home}.bundle/${entry}`,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'error',
    absWorkingDir: root,
    plugins: [self],
  })
await Promise.all([bundled('suite.mjs'), bundled('worker.mjs')])

const { startServers } = await import('../test/runtimes/servers.mjs')
const servers = await startServers(readFileSync(`${home}.bundle/suite.mjs`))

/** Each gives its version and the results, or says why it cannot. */
const engines = {
  node: async () => ({ version: process.versions.node, results: await script(process.execPath, [], 'node') }),
  deno: async () => ({
    version: (await run(bin('deno'), ['--version'])).stdout.split(/\s/)[1],
    results: await script(bin('deno'), ['run', '--no-prompt', '--allow-net=127.0.0.1'], 'deno'),
  }),
  bun: async () => ({
    version: (await run(bin('bun'), ['--version'])).stdout.trim(),
    results: await script(bin('bun'), [], 'bun'),
  }),
  workerd,
  chromium: inChromium,
}

let failed = 0
const wanted = process.argv.slice(2)
for (const [name, engine] of Object.entries(engines)) {
  if (wanted.length && !wanted.includes(name)) continue
  try {
    const { version, results } = await engine()
    const problems = results.filter(({ problem }) => problem)
    console.log(`${name} ${version}: ${results.length - problems.length} of ${results.length} checks hold`)
    for (const { name: check, problem } of problems) console.log(`  FAILED ${check}: ${problem}`)
    failed += problems.length
  } catch (error) {
    if (error.code !== 'ENOENT' && !error.absent) throw error
    console.log(`${name}: left out, ${error.absent ?? 'it is not installed'}`)
  }
}
servers.close()
process.exit(failed ? 1 : 0)

async function script(program, args, engine) {
  const { stdout } = await run(program, [...args, `${home}run-script.mjs`, servers.url, engine], {
    timeout: 120_000,
    maxBuffer: 16e6,
    env: { ...process.env, DENO_NO_UPDATE_CHECK: '1' },
  })
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

async function workerd() {
  const { Miniflare } = await import(`${home}node_modules/miniflare/dist/src/index.js`)
  const mf = new Miniflare({
    modules: [{ type: 'ESModule', path: 'worker.mjs', contents: readFileSync(`${home}.bundle/worker.mjs`, 'utf8') }],
    host: '127.0.0.1',
    port: 0,
    cf: false,
    compatibilityDate: '2026-07-01',
    bindings: { BASE: servers.url },
  })
  try {
    const origin = (await mf.ready).origin
    const results = await (await fetch(`${origin}/suite`)).json()
    for (const [name, check] of Object.entries(overlaps(origin))) {
      const problem = await check().catch((error) => String(error))
      results.push({ name, problem })
    }
    const version = JSON.parse(readFileSync(`${home}node_modules/workerd/package.json`, 'utf8')).version
    return { version, results }
  } finally {
    await mf.dispose()
  }
}

/** Requests of one worker share a client, and any of them may be stopped without a word. Nobody may hang. */
function overlaps(origin) {
  const ask = async (path, signal = AbortSignal.timeout(20_000)) =>
    (await fetch(`${origin}/${path}`, { signal })).json()
  const all200 = (answers) => (answers.every((answer) => answer === 200) ? undefined : `got ${answers.join(', ')}`)
  const stopped = async (path) => {
    const control = new AbortController()
    const call = ask(path, control.signal).catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 300))
    control.abort()
    await call
  }
  return {
    async 'workerd: requests that overlap share a gate, and all come through'() {
      return all200(await Promise.all(Array.from({ length: 5 }, () => ask('limited/overlap'))))
    },
    async 'workerd: who waits is not held up by one that was stopped while it waited'() {
      const calls = ['limited/stopped', 'limited/stopped'].map((path) => ask(path))
      await stopped('limited/stopped')
      return all200(await Promise.all([...calls, ask('header')]))
    },
    async 'workerd: slots of requests that were stopped in flight are free again'() {
      await Promise.all([stopped('hangs'), stopped('hangs'), stopped('hangs')])
      return all200(await Promise.all([ask('header'), ask('header'), ask('header')]))
    },
  }
}

async function inChromium() {
  if (!existsSync(chromium))
    throw Object.assign(new Error(), { absent: `there is no ${chromium}: apt-get install chromium` })
  const { chromium: driver } = await import('playwright-core')
  const flags = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ]
  const browser = await driver.launch({ executablePath: chromium, args: flags })
  try {
    // The page stands on another origin than the API, as pages do.
    const page = await browser.newPage()
    await page.goto(servers.url.replace('127.0.0.1', 'localhost'))
    await page.waitForFunction(() => globalThis.runSuite)
    return {
      version: browser.version(),
      results: await page.evaluate((url) => globalThis.runSuite(url, 'chromium'), servers.url),
    }
  } finally {
    await browser.close()
  }
}
