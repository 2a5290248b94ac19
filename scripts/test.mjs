// Runs the tests of every project whose tools are on this machine, and says which it left out.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
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

const { status } = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    ...ready.flatMap((project) => ['--project', project]),
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
)
process.exit(status ?? 1)

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
