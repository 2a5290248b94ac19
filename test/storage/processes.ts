import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const program: string = fileURLToPath(new URL('writer.program.ts', import.meta.url))

/** Hundreds are started: each would compile the same files anew. */
const cache = join(tmpdir(), 'latchkey-compile-cache')

export interface Child {
  readonly process: ChildProcessWithoutNullStreams
  readonly lines: string[]
  /** Resolves when it has said a line, and rejects when it ends without. */
  said(line: string): Promise<void>
  /** Resolves when it is gone; with an error of its own it rejects. */
  readonly ended: Promise<void>
  kill(): Promise<void>
}

/** Runs writer.program.ts, or another file, in another process, by Node or another engine. */
export function start(
  args: readonly string[],
  { command = [process.execPath], folder = '', file = program, env = process.env } = {},
): Child {
  const [engine, ...flags] = command as [string, ...string[]]
  const child = spawn(engine, [...flags, file, ...args], {
    env: { ...env, LATCHKEY_TEST_FOLDER: folder, NODE_COMPILE_CACHE: cache, DENO_NO_UPDATE_CHECK: '1' },
  })
  const lines: string[] = []
  let [rest, errors, dead] = ['', '', false]
  let wake = () => {}
  child.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() as string
    lines.push(...parts)
    wake()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      dead = true
      wake()
      if (code === 0 || signal) resolve()
      else reject(new Error(`${engine} ${args.join(' ')} ended with ${code}: ${errors}`))
    })
  })
  ended.catch(() => {})
  return {
    process: child,
    lines,
    ended,
    async said(line) {
      while (!lines.includes(line)) {
        if (dead) await ended.then(() => Promise.reject(new Error(`it never said ${line}`)))
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
