import { LatchkeyError } from '../errors.ts'
import type { RequestRedirect } from '../platform.ts'
import type { Content } from './body.ts'
import { publicUrl } from './origin.ts'

export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

/** The parts of a request that a redirect may change. */
export interface Redirectable {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly content: Content
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
