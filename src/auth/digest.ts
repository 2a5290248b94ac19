import { type Credential, checkCredential, readCredential } from '../credential.ts'
import { hex, utf8 } from '../crypto/bytes.ts'
import { CredentialError, LatchkeyError } from '../errors.ts'
import { sendAsWritten } from '../http/as-written.ts'
import { parseChallenges } from '../http/challenge.ts'
import type { Answer, Attempt, AuthStrategy, Bytes, ReplayReason } from '../types.ts'
import { ALGORITHMS, type DigestAlgorithm, type DigestChallenge, type Qop, strongest } from './digest-challenge.ts'
import { asReceived, contentHash, type Hash, hashOf, response, type Turn } from './digest-response.ts'
import { createSpaces, type Space } from './digest-space.ts'
import { fitForName, fitForPassword } from './user.ts'

export type { DigestAlgorithm } from './digest-challenge.ts'

export interface DigestOptions {
  /** No colon. */
  username: Credential
  password: Credential
  /** Those that are accepted, their `-sess` forms included. Default all three; leave out `'MD5'` where the server has a better one. */
  algorithms?: readonly DigestAlgorithm[]
  /** What to prefer where the server offers both: `'auth-int'` covers the content. Default `'auth'`. */
  qop?: 'auth' | 'auth-int'
  /** True asks the server to prove that it knows the password too (`rspauth`). Default false: checked where it does. */
  mutual?: boolean
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

/** What was sent, to judge the answer by. */
interface Sent {
  readonly space: Space
  readonly hash: Hash
  readonly a1: string
  readonly uri: string
  readonly turn: Turn
}

/**
 * Digest (RFC 7616): the password proves itself and is never sent. The server's challenge is answered with the strongest
 * algorithm it offers; from then on every request carries an answer at once.
 *
 * Never falls back to Basic. The content is needed for `auth-int` only, so a stream may be sent where the server asks for `auth`.
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `credential_invalid`; on an answer `challenge_refused` where no algorithm is accepted, `server_not_proven`
 * where the server does not know the password
 */
export function digest(options: DigestOptions): AuthStrategy {
  const { username, password, algorithms = ALGORITHMS, qop: preferred = 'auth', mutual = false, identity } = options
  checkCredential(username, 'username', fitForName)
  checkCredential(password, 'password', fitForPassword)
  const wrong = algorithms.find((name) => !ALGORITHMS.includes(name))
  if (wrong !== undefined || !algorithms.length)
    throw new LatchkeyError('invalid_option', `\`algorithms\` of digest must be some of '${ALGORITHMS.join("', '")}'.`)
  if (preferred !== 'auth' && preferred !== 'auth-int')
    throw new LatchkeyError('invalid_option', "`qop` of digest must be 'auth' or 'auth-int'.")
  const spaces = createSpaces()
  const sent = new WeakMap<Attempt, Sent>()
  let needsBody = false

  return {
    places: ['header:authorization'],
    signs: true,
    /** Once a server asked for it. */
    get needsBody() {
      return needsBody
    },
    ...(identity && { identity }),
    async authenticate(request, attempt) {
      sendAsWritten(attempt)
      const user = (await readCredential(username, 'username', fitForName)).normalize('NFC')
      const pass = (await readCredential(password, 'password', fitForPassword)).normalize('NFC')
      const space = spaces.of(attempt.url)
      if (!space) return
      const { challenge } = space
      const { algorithm, realm, qop } = challenge
      const content = attempt.body ?? (request.body ? undefined : new Uint8Array())
      // It was made before the challenge that covers the content: it will be challenged too, and made anew.
      if (qop === 'auth-int' && !content) return
      const hash = await hashOf(algorithm)
      const over = qop === 'auth-int' ? `:${await contentHash(algorithm, content as Bytes)}` : ''
      // From here on nothing waits, so that no two requests count the same.
      const turn = {
        nonce: space.nonce,
        qop,
        nc: hex32(++space.count),
        cnonce: challenge.session ? space.cnonce : random(),
      }
      const uri = attempt.url.pathname + attempt.url.search
      const secret = hash(`${user}:`, asReceived(realm), `:${pass}`)
      const a1 = challenge.session ? hash(`${secret}:`, asReceived(challenge.nonce), `:${space.cnonce}`) : secret
      const a2 = `${request.method}:${uri}${over}`
      sent.set(attempt, { space, hash, a1, uri, turn })
      const answer = response(hash, a1, turn, hash(a2))
      request.headers.set('authorization', written(challenge, nameOf(challenge, user, hash), turn, uri, answer))
      attempt.explain(() => ({
        canonicalRequest: `A1: ${user}:${realm}:<redacted>${challenge.session ? `, nonce ${challenge.nonce}, cnonce ${space.cnonce}` : ''}\nA2: ${a2}`,
        stringToSign: ['<redacted>', turn.nonce, ...(qop ? [turn.nc, turn.cnonce, qop] : []), hash(a2)].join(':'),
      }))
    },
    async onResponse(answer, attempt) {
      const used = sent.get(attempt)
      if (answer.status === 401) return challenged(answer, attempt.url, used)
      if (used) await accepted(answer, used)
    },
  }

  function challenged({ headers }: Answer, url: URL, used: Sent | undefined): ReplayReason | undefined {
    const offered = parseChallenges(headers.get('www-authenticate')).filter(({ scheme }) => scheme === 'digest')
    if (!offered.length) return undefined
    const chosen = strongest(offered, algorithms, preferred)
    if (!chosen)
      throw new CredentialError(
        'challenge_refused',
        `The server asks for Digest in no way that is accepted here: \`algorithms\` has ${algorithms.join(', ')}.`,
      )
    if (chosen.qop === 'auth-int') needsBody = true
    // Where another request learned of a nonce meanwhile, that one serves all.
    if (spaces.of(url)?.nonce === used?.turn.nonce) spaces.learn(url, chosen, random())
    if (!used) return 'challenge'
    // A nonce may be forgotten without a word; credentials that never served are wrong.
    return chosen.stale || used.space.proven ? 'stale_nonce' : undefined
  }

  /** Authentication-Info (section 3.5). */
  async function accepted(answer: Answer, { space, hash, a1, uri, turn }: Sent): Promise<void> {
    // A server that cannot answer, or a proxy in its place, proves nothing and is asked again.
    if (answer.status === 429 || answer.status >= 500) return
    space.proven = true
    const info = answer.headers.get('authentication-info')
    const { rspauth, nextnonce } = parseChallenges(info && `Digest ${info}`)[0]?.parameters ?? {}
    if (rspauth === undefined && mutual) throw unproven('did not prove')
    if (rspauth !== undefined) {
      const over = turn.qop === 'auth-int' ? await hashOfAnswer(answer, space.challenge.algorithm) : ''
      // Content that cannot be had as it was sent cannot be judged.
      if (over === undefined && mutual) throw unproven('sent content that cannot be checked, so it did not prove')
      if (over !== undefined && rspauth !== response(hash, a1, turn, hash(`:${uri}${over}`)))
        throw unproven('failed to prove')
    }
    if (nextnonce === undefined || space.nonce !== turn.nonce) return
    space.nonce = nextnonce
    space.count = 0
  }
}

async function hashOfAnswer(answer: Answer, algorithm: DigestAlgorithm): Promise<string | undefined> {
  if (answer.headers.has('content-encoding')) return undefined
  const content = await answer.content()
  return content && `:${await contentHash(algorithm, content)}`
}

function unproven(what: string): CredentialError {
  return new CredentialError(
    'server_not_proven',
    `The server ${what} that it knows the password (\`rspauth\`): its answer is not to be trusted.`,
  )
}

/** The user name, hashed where the server wants it hidden (section 3.4.4), as RFC 8187 writes it where ASCII does not do. */
function nameOf({ userhash, utf8: extended, realm }: DigestChallenge, user: string, hash: Hash): string {
  if (userhash) return `username="${hash(`${user}:`, asReceived(realm))}", userhash=true`
  if (/^[\x20-\x7e]*$/.test(user)) return `username=${quoted(user)}`
  if (!extended) return `username=${quoted(String.fromCharCode(...utf8(user)))}`
  const encoded = encodeURIComponent(user).replace(/['()*]/g, (found) => `%${hex(utf8(found)).toUpperCase()}`)
  return `username*=UTF-8''${encoded}`
}

/** The credentials (section 3.4); which of them are quoted is not ours to choose. */
function written(challenge: DigestChallenge, name: string, turn: Turn, uri: string, answer: string): string {
  const { realm, opaque, algorithmName, qop } = challenge
  const fields = [
    name,
    `realm=${quoted(realm)}`,
    `nonce=${quoted(turn.nonce)}`,
    `uri=${quoted(uri)}`,
    `response="${answer}"`,
    algorithmName && `algorithm=${algorithmName}`,
    qop && `qop=${qop satisfies Qop}, nc=${turn.nc}, cnonce="${turn.cnonce}"`,
    opaque !== undefined && `opaque=${quoted(opaque)}`,
  ]
  return `Digest ${fields.filter(Boolean).join(', ')}`
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

function hex32(count: number): string {
  return count.toString(16).padStart(8, '0')
}

function random(): string {
  return hex(crypto.getRandomValues(new Uint8Array(16)))
}
