import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const program = fileURLToPath(new URL('../storage/writer.program.ts', import.meta.url))

/** The store contract on files in one engine; then updates and turns of a lock on files it shares with this Node. */
export async function sqliteChecks(...engine) {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  const env = { ...process.env, LATCHKEY_TEST_FOLDER: folder, DENO_NO_UPDATE_CHECK: '1' }
  const writer = async ([name, ...flags], task, count) => {
    const args = [
      ...flags,
      program,
      task,
      'sqlite',
      join(folder, task === 'contract' ? 'contract' : 'shared'),
      'id',
      count,
    ]
    return (await run(name, args, { env, timeout: 120_000 })).stdout.split('\n')[0]
  }
  const together = (task, count) => Promise.all([engine, [process.execPath]].map((each) => writer(each, task, count)))
  try {
    const results = JSON.parse(await writer(engine, 'contract', '0'))
    await together('increment', '200')
    const sum = await writer([process.execPath], 'read', '0')
    await together('exclude', '75')
    const turns = readFileSync(join(folder, 'count'), 'utf8')
    return [
      ...results,
      { name: 'sqlite: P1 beside Node no update is lost', problem: sum === '400' ? undefined : `${sum} of 400` },
      { name: 'sqlite: beside Node the lock has one holder', problem: turns === '150' ? undefined : `${turns} of 150` },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
