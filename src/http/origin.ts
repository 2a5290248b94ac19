import { CredentialError, LatchkeyError } from '../errors.ts'

/** Origin and path: what may be shown. User info, query and fragment may hold secrets. */
export function publicUrl(url: URL): string {
  return url.origin + url.pathname
}

/** @throws LatchkeyError `invalid_option` */
export function allowedOrigins(sources: readonly (string | URL)[], option: string): ReadonlySet<string> {
  return new Set(sources.map((source) => parseUrl(source, option).origin))
}

export function parseUrl(
  source: string | URL,
  option: string,
  base: string | URL | undefined = globalThis.location?.href,
): URL {
  let url: URL | undefined
  try {
    url = new URL(source, base)
  } catch {}
  return checkedUrl(url, option)
}

/**
 * Fetch would quote a user name and password in its own error.
 * @throws LatchkeyError `invalid_option`
 */
export function checkedUrl(url: URL | undefined, option: string): URL {
  if (!url?.protocol.startsWith('http') || url.username || url.password)
    throw new LatchkeyError(
      'invalid_option',
      `\`${option}\` must be an http or https URL without user name and password, e.g. 'https://api.example.com/'.`,
    )
  return url
}

/**
 * Nothing that carries credentials goes to another origin, or in clear text beyond this machine.
 * @throws CredentialError `origin_not_allowed`, `insecure_url`
 */
export function guardOrigin(url: URL, allowed: ReadonlySet<string>): void {
  if (!allowed.has(url.origin))
    throw new CredentialError(
      'origin_not_allowed',
      `Credentials for ${[...allowed].join(', ') || 'no origin'} are not sent to ${url.origin}. ` +
        'Name it in `origins` of the client if it is yours, or pass `auth: false` to call it without credentials.',
    )
  if (url.protocol !== 'https:' && !isLoopback(url.hostname))
    throw new CredentialError('insecure_url', `Credentials are not sent over http to ${url.host}. Use https.`)
}

/** RFC 8252, section 7.3, and RFC 6761, section 6.3. */
function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}
