import type { TokenSource } from '../types.ts'

// Milliseconds between two looks: short enough to notice soon that the machine has slept, and that somebody signed in.
const LONGEST = 30_000
const SHORTEST = 1000

/** Looks at the token now and then, so that it is renewed ahead of its end also while nobody asks. Gives the way to stop. */
export function keepFresh(source: TokenSource): () => void {
  const control = new AbortController()
  const { signal } = control
  const context = { origin: '', signal, now: Date.now, report: () => {} }
  let timer: ReturnType<typeof setTimeout> | undefined
  void look()
  return () => {
    control.abort()
    clearTimeout(timer)
  }

  async function look(): Promise<void> {
    const token = await source.token(context).catch(() => undefined)
    if (signal.aborted) return
    const left = (token?.expiresAt ?? Number.POSITIVE_INFINITY) - Date.now()
    timer = setTimeout(look, Math.min(Math.max(left / 10, SHORTEST), LONGEST))
    // No program stays alive for this.
    ;(timer as { unref?(): void }).unref?.()
  }
}
