import { LatchkeyError } from '../errors.ts'
import { type Content, noContent } from './body.ts'
import { publicUrl } from './origin.ts'

export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

/** What of a request may follow it to another origin: nothing that could be a secret. */
const HARMLESS = ['accept', 'accept-language', 'range', 'user-agent']

/** The parts of a request that a redirect may change. */
export interface Redirectable {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly content: Content
}

export interface Hop extends Redirectable {
  /** To another origin: without credentials, content, and all but harmless headers. */
  readonly stripped: boolean
}

/**
 * The request that a redirect (RFC 9110, section 15.4) asks for; undefined when the answer is none.
 * @throws LatchkeyError `redirect_refused`
 */
export function nextHop(
  answer: { readonly status: number; readonly headers: Headers },
  from: Redirectable,
  crossOrigin: 'error' | 'strip',
  places: readonly string[],
): Hop | undefined {
  const { status, headers } = answer
  const location = isRedirect(status) ? headers.get('location') : null
  if (location === null) return undefined
  const url = resolve(location, from.url, places)
  if (!url) throw refused(from.url, 'The `Location` of the answer is no http URL, or holds user information.')
  if (from.url.protocol === 'https:' && url.protocol !== 'https:')
    throw refused(from.url, `It leads to http on ${url.host}: nothing is sent in clear text.`)
  const toGet = status === 303 ? from.method !== 'HEAD' : status < 303 && from.method === 'POST'
  const content = toGet ? noContent : from.content
  const stripped = url.origin !== from.url.origin
  if (stripped && (crossOrigin !== 'strip' || content.present))
    throw refused(
      from.url,
      `It leads to another origin, ${url.origin}. If you trust it, request it yourself, ` +
        "or set `crossOrigin: 'strip'` to follow without credentials and content.",
    )
  const kept = [...from.headers].filter(([name]) =>
    stripped ? HARMLESS.includes(name) : content.present || !name.startsWith('content-'),
  )
  return { url, method: toGet ? 'GET' : from.method, headers: new Headers(kept), content, stripped }
}

/**
 * A browser shows no script where a redirect leads. It may follow by itself only where it strips all that was placed.
 * @throws LatchkeyError `redirect_refused`
 */
export function guardNativeRedirect(
  from: Redirectable,
  places: readonly string[],
  asked: RequestRedirect | undefined,
  crossOrigin: 'error' | 'strip' | undefined,
): void {
  const strippable = places.every((place) => place === 'header:authorization')
  const wanted = asked === 'follow' || (asked !== 'error' && !places.length)
  // What the caller asked for by name nobody can keep there.
  if (crossOrigin || !strippable || !wanted || (from.method !== 'GET' && from.method !== 'HEAD'))
    throw refused(
      from.url,
      'A browser hides where it leads. Call the final URL, ' +
        "or pass `redirect: 'follow'` to a GET whose credentials are only in `Authorization`.",
    )
}

export function refused(from: URL, why: string): LatchkeyError {
  return new LatchkeyError('redirect_refused', `Redirect from ${publicUrl(from)} refused. ${why}`)
}

function resolve(location: string, base: URL, places: readonly string[]): URL | undefined {
  try {
    const url = new URL(location, base)
    withdraw(url, places)
    // A fragment stays through a redirect (RFC 9110, section 10.2.2), and is not sent.
    return url.protocol.startsWith('http') && !url.username && !url.password ? url : undefined
  } catch {
    return undefined
  }
}

// A server often writes back the query it received: what we placed there must neither be shown, nor sent elsewhere, nor twice.
function withdraw(url: URL, places: readonly string[]): void {
  const parts = url.search.slice(1).split('&')
  const kept = parts.filter((part) => !places.includes(`query:${new URLSearchParams(part).keys().next().value}`))
  if (kept.length < parts.length) url.search = kept.join('&')
}
