// What a tab does: one client with the limiter of tabs.
import { apiKey, createClient } from '../../src/index.ts'
import { tabLimiter } from '../../src/throttle/tabs/tabs.ts'

let api: ReturnType<typeof createClient> | undefined

/** Sends so many requests at once; how each ended, as a status or the name of an error. */
export async function send(baseUrl: string, count: number, maxWait = 60_000): Promise<(number | string)[]> {
  api ??= createClient({
    baseUrl,
    auth: apiKey({ name: 'X-Key', value: 'key' }),
    limiter: tabLimiter({ identity: 'user' }),
  })
  const one = () =>
    api!.get('', { maxWait }).then(
      ({ status }) => status,
      (error: Error) => error.name,
    )
  return Promise.all(Array.from({ length: count }, one))
}
