import type { DigestChallenge } from './digest-challenge.ts'

/** A protection space (RFC 7616, section 3.3): where one challenge holds, and what became of its nonce. */
export interface Space {
  readonly challenge: DigestChallenge
  /** The challenge's, or the one that took its place (`nextnonce`). */
  nonce: string
  /** How many requests were sent with this nonce. */
  count: number
  /** Of a session: what its key is made from. */
  readonly cnonce: string
  /** The server has accepted an answer. */
  proven: boolean
  /** Paths, with their query, begin with one of these. */
  readonly prefixes: readonly string[]
}

export interface Spaces {
  /** The one that holds for this URL, so that it need not be challenged. */
  of(url: URL): Space | undefined
  learn(url: URL, challenge: DigestChallenge, cnonce: string): void
}

// A server that names another domain each time must not fill the memory.
const MOST = 20

/** What one set of credentials learned of the servers it is for. */
export function createSpaces(): Spaces {
  const known = new Map<string, Space[]>()
  return {
    of({ origin, pathname, search }) {
      let longest = -1
      let found: Space | undefined
      for (const space of known.get(origin) ?? [])
        for (const prefix of space.prefixes)
          if (prefix.length > longest && (pathname + search).startsWith(prefix)) {
            longest = prefix.length
            found = space
          }
      return found
    },
    learn(url, challenge, cnonce) {
      const prefixes = prefixesOf(url, challenge.domain)
      const others = (known.get(url.origin) ?? []).filter((space) => String(space.prefixes) !== String(prefixes))
      const space: Space = { challenge, nonce: challenge.nonce, count: 0, cnonce, proven: false, prefixes }
      known.set(url.origin, [space, ...others].slice(0, MOST))
    },
  }
}

/** What `domain` says of this origin. Other origins are not ours to tell; one that leaves out the URL itself says nothing. */
function prefixesOf(url: URL, domain: string): string[] {
  const named = domain
    .split(/\s+/)
    .filter((uri) => uri && URL.canParse(uri, url))
    .map((uri) => new URL(uri, url))
  const prefixes = named.filter(({ origin }) => origin === url.origin).map(({ pathname, search }) => pathname + search)
  return prefixes.some((prefix) => (url.pathname + url.search).startsWith(prefix)) ? prefixes : ['']
}
