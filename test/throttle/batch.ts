import { expect } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import type { ClientEvent, CreateOptions } from '../../src/index.ts'

/** Calls at once to a server that limits: all must come through, with few refusals. Gives what the client knows of the limit. */
export async function batch(origin: string, calls: number, mostRefusals: number, options: CreateOptions = {}) {
  let refusals = 0
  const onEvent = (event: ClientEvent) => {
    if (event.type === 'response' && event.status === 429) refusals++
  }
  const fetch = createFetch({ baseUrl: origin, onEvent, ...options })
  const answers = await Promise.all(Array.from({ length: calls }, () => fetch('/').then(({ status }) => status)))
  expect(answers.filter((status) => status !== 200)).toEqual([])
  expect(refusals).toBeLessThanOrEqual(mostRefusals)
  return fetch.limits?.()
}
