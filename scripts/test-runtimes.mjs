// Runs one suite over the packed package in every engine that is here, and says which it left out.
// `npm run test:runtimes -- firefox webkit` runs those; `-- --write` puts what ran into the README.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { browsers } from './browsers.mjs'
import { nodeFolder } from './node-versions.mjs'

const run = promisify(execFile)
const root = new URL('..', import.meta.url).pathname
const home = `${root}test/runtimes/`
const bin = (name) => `${home}node_modules/.bin/${name}`
const NODES = [22, 24, 26]

if (!existsSync(`${home}node_modules`)) {
  console.log('Installing the engines, once …')
  await run('npm', ['ci', '--prefix', home], { cwd: home })
}
// What users get: the tarball, unpacked where the suite's imports find it.
const packed = `${home}.packed/`
rmSync(packed, { recursive: true, force: true })
mkdirSync(`${packed}node_modules/latchkey`, { recursive: true })
const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', packed]
const [{ filename }] = JSON.parse((await run('npm', pack, { cwd: root })).stdout)
await run('tar', ['-xzf', join(packed, filename), '-C', `${packed}node_modules/latchkey`, '--strip-components', '1'])
const bundled = (entry, outfile = entry) =>
  build({
    entryPoints: [`${home}${entry}`],
    outfile: `${packed}${outfile}`,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'error',
    external: ['node:*'],
    plugins: [{ name: 'packed', setup: fromTarball }],
  })
await Promise.all(['suite.mjs', 'worker.mjs', 'run-script.mjs'].map((entry) => bundled(entry)))
await bundled('../../examples/worker.ts', 'example.mjs')

const { sqliteChecks } = await import('../test/runtimes/sqlite.mjs')
const { startServers } = await import('../test/runtimes/servers.mjs')
const servers = await startServers(readFileSync(`${packed}suite.mjs`))

/** Each gives its version and the results, or says why it cannot. */
const engines = {
  ...Object.fromEntries(NODES.map((major) => [`node ${major}`, () => inNode(major)])),
  deno: async () => ({
    version: (await run(bin('deno'), ['--version'])).stdout.split(/\s/)[1],
    results: [
      ...(await script(bin('deno'), ['run', '--no-prompt', '--allow-net=127.0.0.1', '--allow-env'], 'deno')),
      ...(await sqliteChecks(
        bin('deno'),
        'run',
        '--no-prompt',
        '--allow-read',
        '--allow-write',
        '--allow-sys',
        '--allow-env',
      )),
    ],
  }),
  bun: async () => ({
    version: (await run(bin('bun'), ['--version'])).stdout.trim(),
    results: [...(await script(bin('bun'), [], 'bun')), ...(await sqliteChecks(bin('bun')))],
  }),
  workerd,
  ...Object.fromEntries(Object.keys(browsers).map((name) => [name, () => inBrowser(name)])),
}

const wanted = process.argv.slice(2).filter((argument) => argument !== '--write')
const rows = []
let failed = 0
for (const [name, engine] of Object.entries(engines)) {
  if (wanted.length && !wanted.some((word) => name.startsWith(word))) continue
  try {
    const began = performance.now()
    const { version, results } = await engine()
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    const problems = results.filter(({ problem }) => problem)
    console.log(
      `${name} ${version}: ${results.length - problems.length} of ${results.length} checks hold, in ${seconds} s`,
    )
    for (const { name: check, problem } of problems) console.log(`  FAILED ${check}: ${problem}`)
    failed += problems.length
    rows.push({ name, version, held: results.length - problems.length, of: results.length })
  } catch (error) {
    if (error.code !== 'ENOENT' && !error.absent) throw error
    console.log(`${name}: left out, ${error.absent ?? 'it is not installed'}`)
  }
}
servers.close()
if (process.argv.includes('--write')) writeTable()
process.exit(failed ? 1 : 0)

function fromTarball({ onResolve, resolve }) {
  onResolve({ filter: /^latchkey(\/|$)/ }, ({ path, kind, pluginData }) =>
    pluginData ? undefined : resolve(path, { kind, resolveDir: packed, pluginData: true }),
  )
}

function inNode(major) {
  const folder = nodeFolder(major)
  if (!folder) throw Object.assign(new Error(), { absent: `the npm registry has no Node ${major} for this machine` })
  const node = join(folder, process.platform === 'win32' ? 'node.exe' : 'node')
  return Promise.all([run(node, ['--version']), script(node, [], `node-${major}`), sqliteChecks(node)]).then(
    ([{ stdout }, ...results]) => ({ version: stdout.trim().slice(1), results: results.flat() }),
  )
}

async function script(program, args, engine) {
  const { stdout } = await run(program, [...args, `${packed}run-script.mjs`, servers.url, engine], {
    timeout: 180_000,
    maxBuffer: 16e6,
    env: { ...process.env, DENO_NO_UPDATE_CHECK: '1' },
  })
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

async function miniflare(file, bindings) {
  const { Miniflare } = await import(`${home}node_modules/miniflare/dist/src/index.js`)
  return new Miniflare({
    modules: [{ type: 'ESModule', path: file, contents: readFileSync(packed + file, 'utf8') }],
    host: '127.0.0.1',
    port: 0,
    cf: false,
    compatibilityDate: '2026-07-01',
    bindings,
  })
}

async function workerd() {
  const issuer = servers.url.slice(0, -1)
  const mf = await miniflare('worker.mjs', { BASE: servers.url })
  const example = await miniflare('example.mjs', {
    API_URL: servers.url,
    ISSUER: issuer,
    CLIENT_ID: 'example',
    CLIENT_SECRET: 'secret',
  })
  try {
    const origin = (await mf.ready).origin
    const results = await (await fetch(`${origin}/suite`)).json()
    for (const [name, check] of Object.entries(overlaps(origin))) {
      const problem = await check().catch((error) => String(error))
      results.push({ name, problem })
    }
    const answer = await example.dispatchFetch('http://edge.example/oauth/any')
    const problem = answer.status === 200 ? undefined : `got ${answer.status}`
    results.push({ name: 'workerd: the example answers from its API', problem })
    const version = JSON.parse(readFileSync(`${home}node_modules/workerd/package.json`, 'utf8')).version
    return { version, results }
  } finally {
    await Promise.all([mf.dispose(), example.dispose()])
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

async function inBrowser(name) {
  // The page stands on another origin than the API, as pages do.
  const page = await browsers[name](servers.url.replace('127.0.0.1', 'localhost'))
  try {
    const expression = `(async () => {
      for (let i = 0; i < 100 && !globalThis.runSuite; i++) await new Promise((resolve) => setTimeout(resolve, 100))
      return JSON.stringify(await globalThis.runSuite(${JSON.stringify(servers.url)}, ${JSON.stringify(name)}))
    })()`
    return { version: page.version, results: JSON.parse(await page.run(expression)) }
  } finally {
    await page.close()
  }
}

/** Only what really ran stands in the README, and only when everything did. */
function writeTable() {
  const missing = Object.keys(engines).filter((name) => !rows.some((row) => row.name === name))
  if (missing.length || failed) {
    console.log(`The README stays as it is: ${failed} failures, not run: ${missing.join(', ') || 'none'}.`)
    process.exit(1)
  }
  const title = (name) =>
    ({ webkit: 'WebKitGTK', workerd: 'workerd (Miniflare)' })[name] ?? name[0].toUpperCase() + name.slice(1)
  const line = (cells) => `| ${cells.join(' | ')} |`
  const table = [
    line(rows.map(({ name }) => title(name))),
    line(rows.map(() => '---')),
    line(rows.map(({ version }) => version)),
    line(rows.map(({ held, of }) => `${held} of ${of}`)),
  ].join('\n')
  const readme = readFileSync(`${root}README.md`, 'utf8')
  const written = readme.replace(/(<!-- engines -->\n)[\s\S]*?(\n<!-- \/engines -->)/, `$1${table}$2`)
  if (written === readme && !readme.includes(table)) throw new Error('README.md has no place for the engines.')
  writeFileSync(`${root}README.md`, written)
  console.log('The README now shows this run.')
}
