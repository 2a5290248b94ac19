// Runs an npm script under a Node that is new enough. Only where this one is older than 22.12, Node 24 is fetched from
// the npm registry, once, into a cache folder. Plain syntax: this file itself must run under any Node.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

const windows = process.platform === 'win32'
const [script, ...args] = process.argv.slice(2)
const [major, minor] = process.versions.node.split('.').map(Number)
const path = major > 22 || (major === 22 && minor >= 12) ? process.env.PATH : newerNode() + delimiter + process.env.PATH

const child = spawn(windows ? 'npm.cmd' : 'npm', ['run', '--silent', script, '--', ...args], {
  stdio: 'inherit',
  env: { ...process.env, PATH: path },
  shell: windows,
})
// The terminal sends an interrupt to both; the child decides, and its end is ours.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))

function newerNode() {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'latchkey')
  const folder = join(cache, `${name}-24`)
  const bin = join(folder, 'node_modules', name, 'bin')
  if (works(bin)) return bin

  console.error(
    `Node ${process.versions.node} is older than 22.12: fetching Node 24 from the npm registry, once, into ${folder}`,
  )
  // Made elsewhere and moved into place, so that what is in place is always whole, also when two start at once.
  const draft = `${folder}.${process.pid}`
  mkdirSync(draft, { recursive: true })
  const flags = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--silent']
  spawnSync('npm', ['install', '--prefix', draft, ...flags, `${name}@24`], { stdio: 'inherit', shell: windows })
  try {
    if (works(join(draft, 'node_modules', name, 'bin'))) {
      rmSync(folder, { recursive: true, force: true })
      renameSync(draft, folder)
    }
  } catch {
    // Somebody else was faster; what they put there is checked below.
  }
  rmSync(draft, { recursive: true, force: true })
  if (works(bin)) return bin
  console.error(
    `The npm registry has no Node 24 that runs here (${name}). Install Node 22.12 or newer from https://nodejs.org and try again.`,
  )
  process.exit(1)
}

function works(bin) {
  const node = join(bin, windowsName('node'))
  return existsSync(node) && spawnSync(node, ['--version']).status === 0
}

function windowsName(name) {
  return process.platform === 'win32' ? `${name}.exe` : name
}
