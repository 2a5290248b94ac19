import { LatchkeyError } from '../errors.ts'
import { compare } from '../http/compare.ts'
import { percentEncode } from '../http/percent-encode.ts'

// The canonical request of Signature Version 4: what client and server both rebuild from what travels.

/** Where the rules of S3 differ from those of all other services. */
export interface PathRules {
  /** The path is encoded as it travels once more. S3: not again. */
  readonly encodeTwice: boolean
  /** Dot segments and empty segments are removed (RFC 3986, section 5.2.4). S3: they are part of the key. */
  readonly normalize: boolean
}

export const S3_RULES: PathRules = { encodeTwice: false, normalize: false }
export const OTHER_RULES: PathRules = { encodeTwice: true, normalize: true }

export interface Canonical {
  readonly method: string
  /** As sent on the wire. */
  readonly path: string
  /** As sent on the wire, with or without the question mark. */
  readonly query: string
  /** Name in lower case, and value. */
  readonly headers: readonly (readonly [string, string])[]
  readonly contentHash: string
}

/** The canonical request, and the names of the headers it covers. */
export function canonicalRequest(
  { method, path, query, headers, contentHash }: Canonical,
  rules: PathRules,
): { readonly text: string; readonly signedHeaders: string } {
  let lines = ''
  let signedHeaders = ''
  for (const [name, value] of [...headers].sort(([a], [b]) => compare(a, b))) {
    lines += `${name}:${canonicalValue(name, value)}\n`
    signedHeaders += signedHeaders ? `;${name}` : name
  }
  const text = `${method}\n${canonicalPath(path, rules)}\n${canonicalQuery(query)}\n${lines}\n${signedHeaders}\n${contentHash}`
  return { text, signedHeaders }
}

export function canonicalPath(path: string, { encodeTwice, normalize }: PathRules): string {
  const normal = normalize ? normalized(path) : path || '/'
  if (PLAIN_PATH.test(normal)) return normal
  const encode = encodeTwice ? percentEncode : encodeRest
  return normal.split('/').map(encode).join('/')
}

/** Parameters in one encoding, sorted by name and then by value, each with an equals sign. A plus is a space, as in forms. */
export function canonicalQuery(query: string): string {
  const text = query.startsWith('?') ? query.slice(1) : query
  if (!text) return ''
  // What is least of all stands between name and value while they are sorted: names that begin with others come later.
  const pairs = text
    .split('&')
    .filter(Boolean)
    .map((pair) => {
      const end = pair.indexOf('=')
      return end < 0 ? `${parameter(pair)}\0` : `${parameter(pair.slice(0, end))}\0${parameter(pair.slice(end + 1))}`
    })
  return pairs.sort().join('&').replaceAll('\0', '=')
}

/** Percent-encodes what is not yet, and writes what is in one way, so that a server which decodes and encodes gets the same. */
export function encodeRest(text: string): string {
  if (PLAIN.test(text)) return text
  return text.replace(/%[\dA-Fa-f]{2}|[^\w.~-]/gu, (found) => {
    if (found.length < 3) return percentEncode(found)
    const character = String.fromCharCode(Number.parseInt(found.slice(1), 16))
    return PLAIN.test(character) ? character : found.toUpperCase()
  })
}

const PLAIN = /^[\w.~-]*$/
const PLAIN_PATH = /^[\w.~/-]*$/

function parameter(text: string): string {
  return encodeRest(text.replaceAll('+', '%20'))
}

function normalized(path: string): string {
  if (!path.includes('//') && !path.includes('/.')) return path || '/'
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment && segment !== '.') kept.push(segment)
  }
  const folder = /\/\.{0,2}$/.test(path) && kept.length > 0
  return `/${kept.join('/')}${folder ? '/' : ''}`
}

function canonicalValue(name: string, value: string): string {
  // Headers gives bytes as Latin-1, servers read UTF-8: no two sides agree on what is not ASCII.
  if (!/^[\t\n\r\x20-\x7e]*$/.test(value))
    throw new LatchkeyError(
      'invalid_option',
      `The header \`${name}\` is signed and must be ASCII: encode other characters (RFC 2047), or leave it out.`,
    )
  return value.trim().replace(/\s+/g, ' ')
}
