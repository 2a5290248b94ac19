import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { type Habit, type RotatingServer, rotatingServer } from '../servers/rotating.ts'
import { type Child, start } from '../storage/processes.ts'

const file = fileURLToPath(new URL('session.program.ts', import.meta.url))

/** Where a test says what ends with it; tests that run side by side have their own. */
export type AtEnd = (task: () => void) => void

/** session.program.ts in a process of its own, which ends with the test. */
export function child(told: object, atEnd: AtEnd = onTestFinished): Child {
  const started = start([JSON.stringify({ clientId: 'app', count: 1, ...told })], { file })
  atEnd(() => void started.process.kill('SIGKILL'))
  return started
}

/** What it said, line by line. */
export const heard = ({ lines }: Child) => lines.map((line) => JSON.parse(line))

export async function last(one: Child) {
  await one.ended
  return heard(one).at(-1)
}

/** Whether a signal stopped it. */
export function stopped({ process }: Child): boolean {
  return /\) T /.test(readFileSync(`/proc/${process.pid}/stat`, 'utf8'))
}

/** A server with that habit, and what a child must be told to use a session on it. */
export async function rotating(
  habit: Habit,
  store: object,
  atEnd: AtEnd = onTestFinished,
): Promise<{ as: RotatingServer; told: object }> {
  const as = Object.assign(await rotatingServer(), { habit })
  atEnd(as.close)
  return { as, told: { store, issuer: as.issuer, api: as.issuer, refreshToken: as.first } }
}
