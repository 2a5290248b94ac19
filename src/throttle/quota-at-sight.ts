import type { ReadQuota } from './header-fields.ts'

/** All that says something of a quota, and a wait in other fields is read without. */
const FIELDS = ['ratelimit', 'ratelimit-policy'].concat(
  ['ratelimit-', 'x-ratelimit-', 'x-rate-limit-'].flatMap((prefix) =>
    ['remaining', 'limit', 'reset'].map((name) => prefix + name),
  ),
)

let readQuota: ReadQuota | undefined

/**
 * Reads what most servers say of quotas. The reader is loaded at first sight of such a field, or of a problem document
 * (RFC 9457), which may name policies too: most APIs send none. Where it cannot be loaded, only refusals hold calls back.
 */
export const readQuotaAtSight: ReadQuota = (headers, status, now, peek) => {
  const said =
    FIELDS.some((name) => headers.has(name)) ||
    (status >= 400 && /problem\+json/i.test(headers.get('content-type') ?? ''))
  if (!said) return []
  if (readQuota) return readQuota(headers, status, now, peek)
  return import('./header-fields.ts').then((loaded) => {
    readQuota = loaded.readQuota
    return readQuota(headers, status, now, peek)
  })
}
