// Which version of an API is asked for, and what its answers say of it: Deprecation (RFC 9745) and Sunset (RFC 8594).
import { LatchkeyError } from '../errors.ts'
import { parseDate } from '../http/date.ts'
import { guessed } from '../http/route.ts'
import type { ApiVersion, VersionNotice } from '../types.ts'

export interface ApiVersionOptions {
  /** Where the API expects the version; absent, nothing is asked for and the answers are only observed. */
  in?: 'path' | 'header' | 'media-type' | 'query'
  /** The version, e.g. `'v2'` or `'2026-01-15'`. */
  value?: string
  /** Name of the header or query parameter. Default `'API-Version'` and `'api-version'`. */
  name?: string
  /** For `'path'`: what stands before the version. Default `'/'`. */
  after?: string
  /** For `'media-type'`: what is accepted, with `{version}` in it. Default `'application/json; version={version}'`. */
  mediaType?: string
  /** The answer's header that names the version that served it. Default `'api-version'`, or `name` for a header. */
  seenIn?: string
}

const LINKS = ['deprecation', 'sunset', 'successor-version', 'latest-version']
// What was told once is not told again for the same endpoint; this many are remembered.
const MOST = 1000

/**
 * The version of an API as a client option: asked for in the path, a header, the media type or the query; the version that
 * answered, its `Deprecation` (RFC 9745) and its `Sunset` (RFC 8594) arrive as `version` events, once for each endpoint.
 * @throws LatchkeyError `invalid_option`
 * @example createClient({ baseUrl, version: apiVersion({ in: 'header', name: 'X-Api-Version', value: '2026-01-15' }), onEvent })
 */
export function apiVersion(options: ApiVersionOptions = {}): ApiVersion {
  const { in: place, value = '', name, mediaType = 'application/json; version={version}' } = options
  if (place !== undefined && !Object.hasOwn(ask, place))
    throw invalid("`in` of apiVersion must be 'path', 'header', 'media-type' or 'query'.")
  if (place ? !/^[\w.~-]+$/.test(value) : options.value !== undefined)
    throw invalid("`value` of apiVersion must be a version such as 'v2' or '2026-01-15', together with `in`.")
  if (!mediaType.includes('{version}')) throw invalid('`mediaType` of apiVersion must hold `{version}`.')
  if (name !== undefined && !/^[\w-]+$/.test(name)) throw invalid('`name` of apiVersion must be a header or parameter.')
  const wanted = { value, name, after: options.after ?? '/', mediaType: mediaType.replaceAll('{version}', value) }
  const seenIn = options.seenIn ?? (place === 'header' ? name : undefined) ?? 'api-version'
  const told = new Set<string>()

  return {
    ask: (request) => {
      if (!place) return request
      const asked = { url: new URL(request.url), headers: new Headers(request.headers) }
      ask[place](asked, wanted)
      return asked
    },
    seen(headers, url) {
      const notice = noticeOf(headers, seenIn)
      if (!notice) return undefined
      const key = `${guessed(url.pathname)} ${JSON.stringify(notice)}`
      if (told.has(key)) return undefined
      if (told.size >= MOST) told.delete(told.values().next().value as string)
      told.add(key)
      return notice
    },
  }
}

interface Wanted {
  readonly value: string
  readonly name: string | undefined
  readonly after: string
  readonly mediaType: string
}

const ask: Record<
  NonNullable<ApiVersionOptions['in']>,
  (request: { url: URL; headers: Headers }, wanted: Wanted) => void
> = {
  path({ url }, { value, after }) {
    const before = after.endsWith('/') ? after : `${after}/`
    const rest = url.pathname.slice(before.length)
    if (url.pathname.startsWith(before) && rest !== value && !rest.startsWith(`${value}/`))
      url.pathname = `${before}${value}/${rest}`
  },
  header: ({ headers }, { name = 'API-Version', value }) => headers.set(name, value),
  query({ url }, { name = 'api-version', value }) {
    // Appended as text: `searchParams` would write the rest of the query anew.
    if (!url.searchParams.has(name)) url.search += `${url.search ? '&' : '?'}${name}=${value}`
  },
  'media-type'({ headers }, { mediaType }) {
    // What the caller asked for by name stays; what ky or the platform fills in does not.
    const accepted = headers.get('accept') ?? '*/*'
    if (['*/*', 'application/json'].includes(accepted)) headers.set('accept', mediaType)
  },
}

function noticeOf(headers: Headers, seenIn: string): VersionNotice | undefined {
  const version = headers.get(seenIn)
  const deprecatedAt = deprecation(headers.get('deprecation'))
  const sunsetAt = parseDate(headers.get('sunset') ?? '')
  const links = linksOf(headers.get('link'))
  const known = {
    ...(version !== null && { version }),
    ...(deprecatedAt !== undefined && { deprecatedAt }),
    ...(sunsetAt !== undefined && { sunsetAt }),
    ...(links && { links }),
  }
  return Object.keys(known).length ? known : undefined
}

// A structured date (RFC 9651, section 3.3.7); drafts before RFC 9745 had an HTTP date, or just `true`.
function deprecation(field: string | null): number | undefined {
  const date = /^@(-?\d{1,13})$/.exec(field ?? '')
  if (date) return Number(date[1]) * 1000
  return field === 'true' || field === '?1' ? 0 : parseDate(field ?? '')
}

function linksOf(field: string | null): Record<string, string> | undefined {
  const found: Record<string, string> = {}
  for (const [, target = '', parameters = ''] of field?.matchAll(/<([^>]*)>([^<]*)/g) ?? []) {
    const relations = /;\s*rel\s*=\s*"?([^";,]+)/i.exec(parameters)?.[1]?.toLowerCase().split(/\s+/) ?? []
    for (const relation of relations) if (LINKS.includes(relation)) found[relation] ??= target
  }
  return Object.keys(found).length ? found : undefined
}

function invalid(message: string): LatchkeyError {
  return new LatchkeyError('invalid_option', message)
}
