import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { sleep } from '../../timing.ts'
import { type Patience, poll } from '../turns.ts'
import { sqlite } from './database.ts'
import { isBusy, storeError } from './failure.ts'
import { createFile } from './place.ts'

/** Milliseconds a process may take the same lock again and again before it lets others ask for it. */
const TENURE = 100
/** Longer than the pause of those who ask. */
const COURTESY = 50

/** Collected, a connection would be closed, and its lock be free before the task has ended. */
const HELD = new Set<DatabaseSync>()

/** How long this process has had the lock again and again, on the clock of `performance.now()`. */
interface Tenure {
  readonly since: number
  readonly freedAt: number
}

/**
 * Locks of the kernel, one file per key beside the database: an exclusive transaction on an empty SQLite file.
 *
 * The kernel frees it when its holder dies; a stopped holder keeps it. The files stay, for whoever takes one away takes the
 * lock from its holder. `mayGoOn` throws where nobody should wait any longer.
 */
export function fileLocks(
  database: string,
  mayGoOn: () => void,
): (key: string, patience: Patience) => Promise<() => void> {
  const folder = `${database}-locks`
  const tenures = new Map<string, Tenure>()
  return async (key, patience) => {
    const name = createHash('sha256').update(key).digest('hex').slice(0, 32)
    const tenure = tenures.get(name)
    if (tenure) await giveWay(tenure, patience)
    const file = join(folder, name)
    const free = await poll(() => {
      mayGoOn()
      return tryLock(file)
    }, patience)
    const now = performance.now()
    const since = tenure && now - tenure.freedAt < COURTESY ? tenure.since : now
    return () => {
      free()
      tenures.set(name, { since, freedAt: performance.now() })
    }
  }
}

/** Waits its turn where this process held the lock for long, so that one of another can have it. */
async function giveWay({ since, freedAt }: Tenure, { until, signal }: Patience): Promise<void> {
  const now = performance.now()
  const pause = Math.min(freedAt + COURTESY, until) - now
  if (freedAt - since > TENURE && pause > 0) await sleep(pause, signal)
}

/** The way to free it, or undefined while somebody else has it. */
function tryLock(file: string): (() => void) | undefined {
  let connection: DatabaseSync | undefined
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    createFile(file)
    const { DatabaseSync: Connection } = sqlite()
    const held = new Connection(file)
    connection = held
    held.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
    HELD.add(held)
    return () => {
      HELD.delete(held)
      held.close()
    }
  } catch (error) {
    connection?.close()
    if (isBusy(error)) return undefined
    throw storeError(error, file)
  }
}
