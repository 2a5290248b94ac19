import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, realpathSync, renameSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { LatchkeyError } from '../../errors.ts'
import { failed, storeError } from './failure.ts'

/** Magic numbers of file systems of other machines (statfs(2)): their locks do not reach every process. */
const REMOTE: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'SMB',
  4266872130: 'SMB',
  16914839: '9P',
}

/** The user's own folder for what an application keeps between runs, by the convention of the platform. */
export function defaultPath(name: string, file: string): string {
  if (!/^[\w@][\w@ .-]*$/.test(name)) {
    throw new LatchkeyError(
      'invalid_option',
      '`name` is a folder name: letters, digits, `.`, `-`, `_`, `@` and spaces.',
    )
  }
  try {
    return join(stateFolder(), name, file)
  } catch (error) {
    throw storeError(error, 'The default path')
  }
}

function stateFolder(): string {
  const { env, platform } = process
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support')
  if (platform === 'win32') return env.LOCALAPPDATA || join(homedir(), 'AppData', 'Local')
  // The XDG Base Directory Specification: relative paths are to be ignored.
  const state = env.XDG_STATE_HOME
  return state && isAbsolute(state) ? state : join(homedir(), '.local', 'state')
}

/** Makes folder and file where they are missing, both for the user alone, and returns the path without symbolic links. */
export function prepare(path: string): string {
  const asked = resolve(path)
  mkdirSync(dirname(asked), { recursive: true, mode: 0o700 })
  createFile(asked)
  const file = realpathSync(asked)
  const folder = dirname(file)
  const remote = remoteFileSystem(folder)
  if (remote) {
    throw failed(
      'requirement_not_met',
      `${folder} is on ${remote}, where locks do not hold. Give a \`path\` on a disk of this machine.`,
    )
  }
  onlyOurs(folder, '700')
  onlyOurs(file, '600')
  return file
}

/** An empty file for the user alone, if there is none. */
export function createFile(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })) return
  // Made aside and linked: closing the file itself would end the locks that another thread of this process has on it (fcntl(2)).
  const aside = `${path}.${randomUUID()}`
  writeFileSync(aside, '', { flag: 'wx', mode: 0o600 })
  try {
    linkSync(aside, path)
  } catch (error) {
    const { code } = error as { code?: string }
    // Some file systems, of memory cards and the like, know no links.
    if (code !== 'EEXIST' && !statSync(path, { throwIfNoEntry: false })) renameSync(aside, path)
  } finally {
    rmSync(aside, { force: true })
  }
}

function onlyOurs(path: string, most: '600' | '700'): void {
  // Windows has no such bits: the folder of the user is closed to others by its access list.
  if (process.platform === 'win32') return
  const { mode, uid } = statSync(path)
  if (uid !== process.getuid?.()) {
    throw failed(
      'requirement_not_met',
      `${path} belongs to another user. Run as that user, or give a \`path\` of your own.`,
    )
  }
  if (mode & 0o077) {
    throw failed('requirement_not_met', `${path} is open to other users. Run: chmod ${most} '${path}'`)
  }
}

function remoteFileSystem(folder: string): string | undefined {
  return process.platform === 'linux' ? REMOTE[statfsSync(folder).type >>> 0] : undefined
}

/** For a bug report: size and mode of the file, and whether it is where its locks hold. */
export function factsOf(path: string): Readonly<Record<string, unknown>> {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats) return { bytes: 'absent' }
  return { bytes: stats.size, mode: (stats.mode & 0o777).toString(8), remote: remoteFileSystem(dirname(path)) ?? false }
}
