// Assertions for code that also runs in pages, Deno and Bun.

/** Throws unless both are the same in depth. */
export function equal(actual: unknown, expected: unknown, what = 'value'): void {
  if (shown(actual) !== shown(expected)) throw new Error(`${what}: ${shown(actual)} instead of ${shown(expected)}`)
}

/** What the promise was rejected with; throws when it was not. */
export async function rejects(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error
  }
  throw new Error(`resolved with ${shown(value)} instead of rejecting`)
}

function shown(value: unknown): string {
  return (
    JSON.stringify(value, (_key, inner) => {
      if (inner === undefined) return '<undefined>'
      if (inner instanceof Uint8Array) return `bytes ${inner.join()}`
      return inner && inner.constructor === Object ? Object.fromEntries(Object.entries(inner).sort()) : inner
    }) ?? String(value)
  )
}
