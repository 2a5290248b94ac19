import { LatchkeyError } from '../errors.ts'
import type { RequestRedirect } from '../platform.ts'
import { noContent } from './body.ts'
import { publicUrl } from './origin.ts'
import { type Redirectable, refused } from './redirect.ts'

// A file of its own, loaded at the first redirect.

/** What of a request may follow it to another origin: nothing that could be a secret. */
const HARMLESS = ['accept', 'accept-language', 'range', 'user-agent']
// A redirect chain this long is a loop, as in the Fetch standard.
const MOST_HOPS = 20

export interface Hop extends Redirectable {
  /** To another origin: without credentials, content, and all but harmless headers. */
  readonly stripped: boolean
}

/**
 * The request that a redirect (RFC 9110, section 15.4) asks for, the `hops`th of one request; undefined when the answer is none,
 * or nobody can send its content again.
 * @throws LatchkeyError `redirect_refused`, `too_many_redirects`
 */
export function nextHop(
  headers: Headers,
  status: number,
  from: Redirectable & { readonly redirect: RequestRedirect | undefined },
  crossOrigin: 'error' | 'strip',
  places: readonly string[],
  hops: number,
): Hop | undefined {
  const location = headers.get('location')
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
  if (content === from.content && !content.replayable) return undefined
  if (from.redirect === 'error') throw refused(from.url, "It was asked for with `redirect: 'error'`.")
  if (hops > MOST_HOPS)
    throw new LatchkeyError(
      'too_many_redirects',
      `More than ${MOST_HOPS} redirects, the last from ${publicUrl(from.url)}.`,
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
