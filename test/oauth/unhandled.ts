import { afterEach, beforeEach, expect } from 'vitest'

/** Fails each test of the file in which a rejection is left to nobody. */
export function nothingUnhandled(): void {
  const unhandled: unknown[] = []
  const listener = (reason: unknown) => unhandled.push(reason)
  beforeEach(() => void process.on('unhandledRejection', listener))
  afterEach(async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    process.off('unhandledRejection', listener)
    expect(unhandled.splice(0)).toEqual([])
  })
}
