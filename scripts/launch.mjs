// Runs an npm script under a Node that is new enough. Only where this one is older than 22.12, Node 24 is fetched from
// the npm registry, once, into a cache folder. Plain syntax: this file itself must run under any Node.
import { spawn } from 'node:child_process'
import { delimiter } from 'node:path'
import { nodeFolder } from './node-versions.mjs'

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
  const folder = nodeFolder(24)
  if (folder) return folder
  console.error(
    `Node ${process.versions.node} is older than 22.12, and the npm registry has no Node 24 that runs here. Install Node 22.12 or newer from https://nodejs.org and try again.`,
  )
  process.exit(1)
}
