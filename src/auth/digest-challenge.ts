import type { Challenge } from '../types.ts'

/** Strongest first. */
export const ALGORITHMS = ['SHA-512-256', 'SHA-256', 'MD5'] as const
export type DigestAlgorithm = (typeof ALGORITHMS)[number]
export type Qop = 'auth' | 'auth-int'

/** A challenge that can be answered (RFC 7616, section 3.3). */
export interface DigestChallenge {
  readonly realm: string
  readonly nonce: string
  readonly opaque: string | undefined
  readonly algorithm: DigestAlgorithm
  /** The key is made for a session, from its first nonces. */
  readonly session: boolean
  /** As the server wrote it; undefined where it did not. */
  readonly algorithmName: string | undefined
  /** undefined for a server of RFC 2069, which knows none. */
  readonly qop: Qop | undefined
  readonly userhash: boolean
  readonly utf8: boolean
  readonly stale: boolean
  /** As the server wrote it. */
  readonly domain: string
}

/** The one of the strongest algorithm that is allowed; of two with the same, the one the server prefers. */
export function strongest(
  challenges: readonly Challenge[],
  allowed: readonly DigestAlgorithm[],
  preferred: Qop,
): DigestChallenge | undefined {
  const answerable = challenges.flatMap((challenge) => read(challenge, preferred) ?? [])
  const ranked = ALGORITHMS.filter((name) => allowed.includes(name))
  for (const name of ranked) {
    const found = answerable.find(({ algorithm }) => algorithm === name)
    if (found) return found
  }
  return undefined
}

function read({ parameters }: Challenge, preferred: Qop): DigestChallenge | undefined {
  const { realm, nonce, opaque, domain = '', algorithm: algorithmName } = parameters
  const [, name, session] = /^(SHA-512-256|SHA-256|MD5)(-SESS)?$/.exec((algorithmName ?? 'MD5').toUpperCase()) ?? []
  if (realm === undefined || nonce === undefined || !name) return undefined
  const offered = parameters.qop?.toLowerCase().split(/[\s,]+/)
  const qop = offered && [preferred, 'auth', 'auth-int'].find((one) => offered.includes(one))
  if ((offered && !qop) || (session && !qop)) return undefined
  return {
    realm,
    nonce,
    opaque,
    algorithm: name as DigestAlgorithm,
    session: session !== undefined,
    algorithmName,
    qop: qop as Qop | undefined,
    userhash: isTrue(parameters.userhash),
    utf8: parameters.charset?.toUpperCase() === 'UTF-8',
    stale: isTrue(parameters.stale),
    domain,
  }
}

function isTrue(value: string | undefined): boolean {
  return value?.toLowerCase() === 'true'
}
