import { abortable } from '../timing.ts'
import type { SessionGrant } from './session-grant.ts'

/** The sign-in, or the signal's reason as soon as it is aborted: a session that begins in spite of that is ended again. */
export async function untilAborted(
  grant: SessionGrant,
  signal: AbortSignal | undefined,
  signIn: () => Promise<void>,
): Promise<void> {
  if (!signal) return signIn()
  signal.throwIfAborted()
  const work = signIn()
  try {
    await abortable(work, signal)
  } catch (error) {
    void work.then(() => grant.end()).catch(() => {})
    throw error
  }
}
