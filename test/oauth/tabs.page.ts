// What a tab does: one session with all other tabs, in the store that pages have.
import { createClient } from '../../src/index.ts'
import { refreshToken } from '../../src/oauth/oauth.ts'
import { indexedDbStore } from '../../src/storage/indexed-db.ts'

let api: ReturnType<typeof createClient> | undefined
let login: ReturnType<typeof refreshToken> | undefined

export function open(issuer: string, first: string): void {
  login = refreshToken({ issuer, clientId: 'app', refreshToken: first, store: indexedDbStore('tabs') })
  api = createClient({ baseUrl: issuer, auth: login, timeout: false, retry: 0 })
}

/** Sends so many requests at that moment; the errors of those that failed. */
export async function burst(count: number, at: number): Promise<string[]> {
  await new Promise((resolve) => setTimeout(resolve, at - Date.now()))
  const results = await Promise.allSettled(Array.from({ length: count }, () => api!.get('api').text()))
  return results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []))
}

/** Has the token refused that is there now, so many times; another tab may have had it refused already. */
export async function renewals(count: number): Promise<void> {
  const context = { origin: '', signal: new AbortController().signal, now: Date.now, report: () => {} }
  for (let round = 0; round < count; round++) {
    const token = await login!.token(context)
    await login!.renew?.(token, [], context)
  }
}
