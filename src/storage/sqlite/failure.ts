import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreError, type StoreErrorCode } from '../../errors.ts'

const BACKEND = 'sqlite'

/** SQLite's primary result codes (sqlite.org/rescode.html), and the text of each for engines that give no number. */
const RESULTS: readonly (readonly [code: number, text: RegExp, name: Failure])[] = [
  // What a statement names is gone: the schema is damaged.
  [1, /^no such (table|column)/, 'corrupt'],
  [5, /^database is locked/, 'busy'],
  [6, /^database table is locked/, 'busy'],
  [8, /readonly database/, 'readonly'],
  [11, /malformed/, 'corrupt'],
  [13, /disk is full/, 'full'],
  [14, /unable to open/, 'closed to us'],
  [18, /too big/, 'too big'],
  [26, /not a database/, 'corrupt'],
]
type Failure = 'busy' | 'readonly' | 'corrupt' | 'full' | 'closed to us' | 'too big' | 'not allowed'

const WORDS: Record<Failure, readonly [StoreErrorCode, string]> = {
  busy: ['unavailable', 'was busy for 5 s: another process is in the middle of a write and does not go on. Try again.'],
  readonly: ['unavailable', 'cannot be written: check its owner, its mode and whether the disk is mounted read-only.'],
  corrupt: ['corrupt', 'is damaged or no database. Nothing was changed: restore it, or move it away to start anew.'],
  full: ['quota', 'could not grow: the disk is full. The old record stands.'],
  'closed to us': ['unavailable', 'could not be opened: check that its folder is there and yours.'],
  'not allowed': [
    'unavailable',
    'is closed to this program by Deno. Run it with --allow-read, --allow-write and --allow-sys; the default path needs --allow-env too.',
  ],
  'too big': ['too_large', 'takes no value of this size.'],
}

/** True when another connection is in the middle of something: the same call may succeed in a moment. */
export function isBusy(error: unknown): boolean {
  return failureOf(error) === 'busy'
}

/** What SQLite or the file system said, in our words; none of its own, for they may quote a value. */
export function storeError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error
  const said = failureOf(error)
  const failure = (!said || said === 'closed to us') && isFull(path) ? 'full' : said
  if (failure) return new StoreError(WORDS[failure][0], BACKEND, `${path} ${WORDS[failure][1]}`)
  return new StoreError('unavailable', BACKEND, `${path} could not be used${detail(error)}. Try again.`)
}

export function busyError(path: string): StoreError {
  return new StoreError(WORDS.busy[0], BACKEND, `${path} ${WORDS.busy[1]}`)
}

export function failed(code: StoreErrorCode, message: string): StoreError {
  return new StoreError(code, BACKEND, message)
}

function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  if (error.name === 'NotCapable') return 'not allowed'
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'full'
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return 'readonly'
  if (code !== 'ERR_SQLITE_ERROR') return undefined
  // The low byte is the primary code of an extended one.
  return RESULTS.find(([result, text]) =>
    typeof errcode === 'number' ? (errcode & 255) === result : text.test(error.message),
  )?.[2]
}

/** Without room for its index, SQLite calls it a fault of input and output. */
function isFull(path: string): boolean {
  try {
    return statfsSync(dirname(path)).bavail === 0
  } catch {
    return false
  }
}

/** Codes are words of a fixed list; messages may hold anything. */
function detail(error: unknown): string {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown }
  const name = [code, errcode].filter((part) => /^[\w.]{1,40}$/.test(String(part ?? ''))).join(' ')
  return name && ` (${name})`
}
