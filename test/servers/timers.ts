import { onTestFinished, vi } from 'vitest'

/** Counts the timers that our own code has set and that neither fired nor were cleared. */
export function ownTimers(): () => number {
  const active = new Set<unknown>()
  const { setTimeout: set, clearTimeout: clear } = globalThis
  vi.stubGlobal('setTimeout', (task: () => void, delay?: number) => {
    const ours = /\/(src|dist)\//.test(new Error().stack?.replaceAll(/node_modules.*/g, '') ?? '')
    const timer = set(() => {
      active.delete(timer)
      task()
    }, delay)
    if (ours) active.add(timer)
    return timer
  })
  vi.stubGlobal('clearTimeout', (timer: never) => {
    active.delete(timer)
    clear(timer)
  })
  onTestFinished(() => void vi.unstubAllGlobals())
  return () => active.size
}
