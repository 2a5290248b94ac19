import { type Credential, checkCredential, fitForHeader, notEmpty, readCredential, TOKEN } from '../credential.ts'
import { CredentialError, LatchkeyError } from '../errors.ts'
import type { Attempt, AuthStrategy } from '../types.ts'

export interface ApiKeyOptions {
  /** Where the API expects the key, in OpenAPI's words. Default `'header'`. */
  in?: 'header' | 'query' | 'cookie'
  /** Name of the header, query parameter or cookie. */
  name: string
  /** The key, or a function that gives it for each attempt. */
  value: Credential
  /** Text before the key, e.g. `'Token '`. Default none. */
  prefix?: string
  /** Whose key: names the quota scope, so that several clients or processes can share it. No secret. Default: an opaque name of its own. */
  identity?: string
}

const COOKIE_VALUE = /^[!#-+\--:<-[\]-~]*$/

/**
 * An API key in a header, a query parameter or a cookie, as OpenAPI 3.1 describes it (Security Scheme Object, `apiKey`).
 *
 * A key in the query is added last and taken out of every URL that is shown; prefer a header where the API offers one.
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `credential_invalid`; `runtime_unsupported` for a cookie in a browser, which would drop it silently
 */
export function apiKey(options: ApiKeyOptions): AuthStrategy {
  const { in: place = 'header', name, value, prefix = '', identity } = options
  if (!Object.hasOwn(write, place))
    throw new LatchkeyError('invalid_option', "`in` of apiKey must be 'header', 'query' or 'cookie'.")
  if (!name || (place !== 'query' && !TOKEN.test(name)))
    throw new LatchkeyError('invalid_option', `\`name\` of apiKey must be the name of a ${place} field or parameter.`)
  if ((place === 'cookie' || /^cookie$/i.test(name)) && typeof document !== 'undefined')
    throw new CredentialError(
      'runtime_unsupported',
      'A browser lets no script set the Cookie header. Use `cookieSession()` for a cookie that the browser holds, or a key in a header.',
    )
  // With its prefix, which fetch would quote together with the key if it could not be sent.
  const check = (key: string, what: string) => checks[place](prefix + notEmpty(key, what), what)
  checkCredential(value, 'value', check)

  return {
    places: [
      place === 'cookie' ? `cookie:${name}` : place === 'header' ? `header:${name.toLowerCase()}` : `query:${name}`,
    ],
    ...(identity && { identity }),
    authenticate(request, attempt) {
      const key = readCredential(value, 'value', check)
      if (typeof key === 'string') return write[place](request, attempt, name, key)
      return key.then((late) => write[place](request, attempt, name, late))
    },
  }
}

const checks = { header: fitForHeader, query: notEmpty, cookie: fitForCookie }

const write = {
  header: (request: Request, _: Attempt, name: string, key: string): void => request.headers.set(name, key),
  query(_: Request, attempt: Attempt, name: string, key: string): void {
    // Appended as text: `searchParams` would write the rest of the query anew.
    const parameter = `${encodeURIComponent(name)}=${encodeURIComponent(key)}`
    const url = new URL(attempt.url)
    url.search = url.search ? `${url.search}&${parameter}` : parameter
    attempt.setUrl(url)
  },
  cookie(request: Request, _: Attempt, name: string, key: string): void {
    const others = request.headers.get('cookie')
    request.headers.set('cookie', `${others ? `${others}; ` : ''}${name}=${key}`)
  },
}

// RFC 6265, section 4.1.1.
function fitForCookie(text: string, what: string): string {
  if (!COOKIE_VALUE.test(notEmpty(text, what)))
    throw new CredentialError(
      'credential_invalid',
      `\`${what}\` holds a character that no cookie may hold. Encode it as the API asks.`,
    )
  return text
}
