import { type Credential, fitForHeader, readCredential, TOKEN } from '../credential.ts'
import { CredentialError, LatchkeyError } from '../errors.ts'
import type { AuthStrategy } from '../types.ts'

export interface CookieSessionOptions {
  /** Which origins the browser sends its cookies to, in fetch's words. Default `'same-origin'`; `'include'` for a back end on another origin. */
  credentials?: 'same-origin' | 'include'
  /** The proof against cross-site request forgery, for every method but GET and HEAD. Default none. */
  csrf?: {
    /** Header to put it in. Default `'X-CSRF-Token'`. */
    header?: string
    /** Name of the cookie that holds it (readable by script), or a function that gives it for each attempt. */
    from: string | (() => string | Promise<string>)
  }
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

/**
 * The session of a backend-for-frontend: the browser holds the cookie, no script sees it, and a CSRF header proves the page.
 *
 * See OAuth 2.0 for Browser-Based Applications, section 6.1.
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `credential_invalid` when the CSRF cookie is absent
 */
export function cookieSession(options: CookieSessionOptions = {}): AuthStrategy {
  const { credentials = 'same-origin', csrf, identity } = options
  if (credentials !== 'same-origin' && credentials !== 'include')
    throw new LatchkeyError('invalid_option', "`credentials` of cookieSession must be 'same-origin' or 'include'.")
  const header = csrf?.header ?? 'X-CSRF-Token'
  const from = csrf?.from
  if (!TOKEN.test(header)) throw new LatchkeyError('invalid_option', '`csrf.header` must be the name of a header.')
  if (csrf && !from) throw new LatchkeyError('invalid_option', '`csrf.from` must name a cookie, or be a function.')
  const value: Credential | undefined = typeof from === 'string' ? () => cookie(from) : from

  return {
    places: ['cookie:session', ...(csrf ? [`header:${header.toLowerCase()}`] : [])],
    credentials,
    ...(identity && { identity }),
    async authenticate(request) {
      if (!value || request.method === 'GET' || request.method === 'HEAD') return
      request.headers.set(header, await readCredential(value, 'csrf.from', fitForHeader))
    },
  }
}

function cookie(name: string): string {
  const pairs = (globalThis.document?.cookie ?? '').split('; ')
  const found = pairs.find((pair) => pair.startsWith(`${name}=`))
  if (!found)
    throw new CredentialError(
      'credential_invalid',
      `The cookie ${name} that holds the CSRF token is not there. Has the session begun?`,
    )
  return decodeURIComponent(found.slice(name.length + 1))
}
