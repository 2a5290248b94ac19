import type { Lease } from '../types.ts'

/** Never ends before its task: holder and lock die together. Made with the lock, for a worker may make no signal while it is loaded. */
export function wholeLease(): Lease {
  return { lost: new AbortController().signal, remaining: () => Number.POSITIVE_INFINITY }
}
