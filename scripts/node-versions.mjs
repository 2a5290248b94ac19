// Node of any major version, from the npm registry, once, into a cache folder. Plain syntax: this must run under any Node.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const windows = process.platform === 'win32'

/** The folder with `node` in it, or undefined where the registry has none for this machine. */
export function nodeFolder(major) {
  const name = `node-${windows ? 'win' : process.platform}-${process.arch}`
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'latchkey')
  const folder = join(cache, `${name}-${major}`)
  const bin = join(folder, 'node_modules', name, 'bin')
  if (works(bin)) return bin

  console.error(`Fetching Node ${major} from the npm registry, once, into ${folder}`)
  // Made elsewhere and moved into place, so that what is in place is always whole, also when two start at once.
  const draft = `${folder}.${process.pid}`
  mkdirSync(draft, { recursive: true })
  const flags = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--silent']
  spawnSync('npm', ['install', '--prefix', draft, ...flags, `${name}@${major}`], { stdio: 'inherit', shell: windows })
  try {
    if (works(join(draft, 'node_modules', name, 'bin'))) {
      rmSync(folder, { recursive: true, force: true })
      renameSync(draft, folder)
    }
  } catch {
    // Somebody else was faster; what they put there is checked below.
  }
  rmSync(draft, { recursive: true, force: true })
  return works(bin) ? bin : undefined
}

function works(bin) {
  const node = join(bin, windows ? 'node.exe' : 'node')
  return existsSync(node) && spawnSync(node, ['--version']).status === 0
}
