import { expect } from 'vitest'
import { type ClientEvent, type CreateOptions, createClient, type LimitState } from '../../src/index.ts'

/** Calls at once to a server that limits: all must come through, with few refusals. Gives what the client knows of the limit. */
export async function batch(
  origin: string,
  calls: number,
  mostRefusals: number,
  options: CreateOptions = {},
): Promise<readonly LimitState[]> {
  let refusals = 0
  const onEvent = (event: ClientEvent) => {
    if (event.type === 'response' && event.status === 429) refusals++
  }
  const client = createClient({ baseUrl: origin, onEvent, ...options })
  const answers = await Promise.all(Array.from({ length: calls }, () => client.get('').then(({ status }) => status)))
  expect(answers.filter((status) => status !== 200)).toEqual([])
  expect(refusals).toBeLessThanOrEqual(mostRefusals)
  return client.limits()
}
