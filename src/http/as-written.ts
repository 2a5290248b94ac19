import type { Attempt } from '../types.ts'

/**
 * Writes the URL so that every runtime sends what it says: `^` and `|` are escaped by some only, and a question mark
 * without a query is sent by some though `search` is empty.
 */
export function sendAsWritten(attempt: Attempt): void {
  const { pathname, search, href } = attempt.url
  const bare = !search && href.split('#')[0]?.endsWith('?')
  if (!bare && !/[\^|]/.test(pathname)) return
  const url = new URL(attempt.url)
  url.pathname = pathname.replaceAll('^', '%5E').replaceAll('|', '%7C')
  if (bare) url.search = ''
  attempt.setUrl(url)
}
