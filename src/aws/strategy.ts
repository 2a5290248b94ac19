import { algorithm as sha256 } from '../crypto/sha256.ts'
import type { Attempt, AuthStrategy, Awaitable } from '../types.ts'
import { canonicalPath, canonicalRequest, encodeRest, type PathRules } from './canonical-request.ts'
import { type AccessKey, readCredentials } from './credentials.ts'
import { type AwsStrategyOptions, namesOf, rulesOf } from './options.ts'
import { contentHash } from './signing-key.ts'

/** What tells the algorithms apart. */
export interface Algorithm {
  readonly name: string
  /** Of the credential scope, what follows the day. */
  readonly scope: string
  /** A header, or in another case a parameter, that the algorithm adds. */
  readonly region?: readonly [name: string, value: string]
  sign(key: AccessKey, day: string, stringToSign: string): Awaitable<string>
}

const NEED_HASH = /^(s3.*|aoss|glacier)$/

/** Signs each attempt in its headers. */
export function strategy(options: AwsStrategyOptions, algorithm: Algorithm): AuthStrategy {
  const { service, credentials, unsignedPayload, unsignedSessionToken, identity } = options
  const { contentSha256 = unsignedPayload || NEED_HASH.test(service) || options.s3 === true } = options
  const rules = rulesOf(options)
  const extra = namesOf(options.signedHeaders ?? [])
  const covered = new Set(['content-type', 'content-md5', ...extra])

  return {
    places: [
      'header:authorization',
      'header:x-amz-date',
      'header:x-amz-security-token',
      ...(contentSha256 ? ['header:x-amz-content-sha256'] : []),
      ...(algorithm.region ? [`header:${algorithm.region[0]}`] : []),
    ],
    signs: true,
    needsBody: !unsignedPayload,
    ...(identity && { identity }),
    authenticate(request, attempt) {
      sendAsSigned(attempt, rules)
      const hash = unsignedPayload ? 'UNSIGNED-PAYLOAD' : contentHash(attempt.body ?? new Uint8Array())
      return when(readCredentials(credentials), (key) => when(hash, (hash) => place(request, attempt, key, hash)))
    },
    async onResponse(answer, attempt) {
      if (answer.status !== 400 && answer.status !== 403) return undefined
      // Without the part, the `Date` of the answer counts, as it does anywhere.
      const later = await import('./server-time.ts').catch(() => undefined)
      const at = later?.serverTime(await answer.peek())
      return at && attempt.correct(at) ? 'clock_skew' : undefined
    },
  }

  function place({ method, headers }: Request, attempt: Attempt, key: AccessKey, hash: string): Awaitable<void> {
    // Read last: the credentials may have taken their time.
    const at = timestamp(attempt.now())
    headers.set('x-amz-date', at)
    if (contentSha256) headers.set('x-amz-content-sha256', hash)
    if (algorithm.region) headers.set(...(algorithm.region as [string, string]))
    if (key.token) headers.set('x-amz-security-token', key.token)
    const { host, pathname: path, search: query } = attempt.url
    const signed: [string, string][] = [['host', host]]
    for (const entry of headers)
      if (covered.has(entry[0]) || (entry[0].startsWith('x-amz-') && !leftOut(entry[0]))) signed.push(entry)
    const canonical = canonicalRequest({ method, path, query, headers: signed, contentHash: hash }, rules)
    const day = at.slice(0, 8)
    const text = stringToSign(algorithm, at, canonical.text)
    attempt.explain(async (said) => (await import('./explain.ts')).explanation(canonical.text, text, said))
    return when(algorithm.sign(key, day, text), (signature) => {
      headers.set(
        'authorization',
        `${algorithm.name} Credential=${key.id}/${day}/${algorithm.scope}, SignedHeaders=${canonical.signedHeaders}, Signature=${signature}`,
      )
    })
  }

  function leftOut(name: string): boolean {
    return unsignedSessionToken === true && name === 'x-amz-security-token'
  }
}

export function stringToSign({ name, scope }: Pick<Algorithm, 'name' | 'scope'>, at: string, request: string): string {
  return `${name}\n${at}\n${at.slice(0, 8)}/${scope}\n${sha256.hex(request)}`
}

// Written for many signatures within the same second.
let written = { second: Number.NaN, text: '' }

/** `YYYYMMDDTHHMMSSZ` */
export function timestamp(now: number): string {
  const second = Math.floor(now / 1000)
  if (second !== written.second) written = { second, text: new Date(now).toISOString().replace(/[-:]|\.\d+/g, '') }
  return written.text
}

/**
 * The URL, written so that runtime and server read the same: some runtimes escape `^` and `|` and some do not, a plus in the
 * query is a space to most, and a lone question mark is sent by some. For S3, whose servers decode the path and encode it
 * again, all that such a server would encode.
 */
export function unambiguous(url: URL, rules: PathRules): URL {
  const { pathname, search } = url
  const path = rules.encodeTwice ? pathname.replace(/[\^|]/g, encodeRest) : canonicalPath(pathname, rules)
  const query = search.replaceAll('+', '%20')
  const lone = !search && url.href.includes('?')
  if (path === pathname && query === search && !lone) return url
  const written = new URL(url)
  written.pathname = path
  written.search = query
  return written
}

function sendAsSigned(attempt: Attempt, rules: PathRules): void {
  const url = unambiguous(attempt.url, rules)
  if (url !== attempt.url) attempt.setUrl(url)
}

/** Goes on at once where nothing has to be awaited: a signature of short content costs no turn. */
function when<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}
