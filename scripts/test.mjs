// Runs the tests of every project whose tools are on this machine, and says which it left out.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Projects of vitest.config.ts that need programs of the machine, and the Debian packages that bring them. */
const needs = {
  debian: {
    programs: [
      'chromium',
      'firefox-esr',
      'WebKitWebDriver',
      'xvfb-run',
      'haproxy',
      'nginx',
      'lighttpd',
      'apache2',
      'redis-server',
      'gnome-keyring-daemon',
      'dbus-daemon',
      'glewlwyd',
      'openssl',
    ],
    packages:
      'chromium firefox-esr webkit2gtk-driver xvfb xauth haproxy nginx lighttpd apache2 redis-server dbus gnome-keyring glewlwyd openssl',
  },
  swift: {
    programs: ['swift-proxy-server', 'swift-object-server', 'memcached'],
    packages: 'swift-proxy swift-account swift-container swift-object memcached',
  },
}

const ready = ['node']
for (const [project, { programs, packages }] of Object.entries(needs)) {
  const missing = programs.filter((program) => !onPath(program))
  if (missing.length === 0) ready.push(project)
  else
    console.log(
      `Left out: ${project} tests, for want of ${missing.join(', ')}. To run them: apt-get install ${packages}, then npm test.`,
    )
}

const projects = ready.flatMap((project) => ['--project', project])
const folder = mkdtempSync(join(tmpdir(), 'latchkey-test-'))
const report = join(folder, 'report.json')
let status = run(process.argv.slice(2), ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`])
if (status) status = again(failedFiles())
rmSync(folder, { recursive: true })
process.exit(status)

function run(filters, reporters = []) {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...projects, ...reporters, ...filters]
  return spawnSync(process.execPath, vitest, { stdio: 'inherit' }).status ?? 1
}

/**
 * Browsers and servers beside everything else can be too slow on a busy machine. What failed runs once more with nothing beside
 * it: what is broken fails again, what only stumbled is named, because it still wants mending.
 */
function again(files) {
  // More than a few are no accident, and without a report nobody knows what failed.
  if (!files.length || files.length > 5) return 1
  console.log(`\nOnce more, alone: ${files.join(', ')}`)
  const status = run([...files, '--no-file-parallelism'])
  if (!status) console.log(`\nUnsteady: failed beside the others, passed alone: ${files.join(', ')}`)
  return status
}

function failedFiles() {
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
    return testResults.filter(({ status }) => status === 'failed').map(({ name }) => name)
  } catch {
    return []
  }
}

function onPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
