// The tarball that would be published: its file list, its exports, and its types as every module resolution sees them.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
try {
  const [{ filename, files }] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]),
  )
  const alien = files
    .map(({ path }) => path)
    .filter((path) => !/^(dist\/|package\.json$|README\.md$|LICENSE$)/.test(path))
  if (alien.length) throw new Error(`The tarball holds what nobody needs: ${alien.join(', ')}`)
  const tarball = join(folder, filename)
  console.log(run('npx', ['publint', 'run', tarball, '--strict']))
  console.log(run('npx', ['attw', tarball, '--profile', 'esm-only', '--no-emoji', '--no-color']))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function run(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  } catch (error) {
    console.error(error.stdout)
    process.exit(1)
  }
}
