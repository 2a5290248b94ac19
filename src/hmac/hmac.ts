import { readCredential } from '../credential.ts'
import { utf8 } from '../crypto/bytes.ts'
import { createMac, type Mac } from '../crypto/hash.ts'
import { CredentialError } from '../errors.ts'
import { sendAsWritten } from '../http/as-written.ts'
import type { Answer, Attempt, AuthStrategy, ReplayReason } from '../types.ts'
import { RequestFacts } from './facts.ts'
import { bytesOf, own } from './message.ts'
import { createNonce } from './nonce.ts'
import {
  type Credentials,
  checkOptions,
  encode,
  fitForKey,
  type HmacOptions,
  invalid,
  keyOf,
  namedCredentials,
  type Read,
} from './options.ts'
import { checkPlaces, placesOf, write } from './placement.ts'
import { formatTimestamp } from './timestamp.ts'

export { base64, base64url, concat, fromUtf8, hex, utf8 } from '../crypto/bytes.ts'
export { digest, digestStream, type HashName } from '../crypto/hash.ts'
export { percentEncode } from '../http/percent-encode.ts'
export type { Facts, SignedFacts } from './facts.ts'
export type { NonceFormat } from './nonce.ts'
export type { Credentials, HmacOptions, KeyOptions, Message, Read } from './options.ts'
export type { Placement } from './placement.ts'
export type { TimestampFormat } from './timestamp.ts'

/**
 * Any vendor's HMAC scheme (RFC 2104): what is signed is one function, where it is written another.
 *
 * Each attempt is signed anew, over the request as it leaves: after every wait, retry and redirect.
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `credential_invalid` for a secret that is empty or does not decode
 * @example
 * hmac({
 *   keyId, secret, hash: 'sha256', encoding: 'hex',
 *   message: ({ timestamp, method, target, bodyText }) => `${timestamp}${method}${target}${bodyText}`,
 *   place: ({ keyId, timestamp, signature }) => ({ headers: { 'X-Key': keyId, 'X-Timestamp': timestamp, 'X-Signature': signature } }),
 * })
 */
export function hmac<C extends Credentials = Record<never, never>>(options: HmacOptions<C>): AuthStrategy {
  checkOptions(options)
  const {
    hash,
    encoding,
    secret,
    secretEncoding,
    timestamp = 's',
    prepare,
    canonicalRequest,
    message,
    place,
    serverTime,
    verify,
    identity,
  } = options
  const { needsBody = true, places = tried(options) } = options
  checkPlaces(places)
  if (!needsBody && places.some((name) => name.startsWith('form:')))
    throw invalid('A scheme that writes into the form needs the content: leave out `needsBody`.')
  const nonce = options.nonce ? createNonce(options.nonce) : () => ''
  const named = namedCredentials(options)
  // Only the last key is kept: one that was rotated out is not held longer than needed.
  const sent = new WeakMap<Attempt, RequestFacts<Read<C>>>()
  let last: { text: string; scope: string | undefined; mac: Promise<Mac> } | undefined

  return {
    places,
    signs: true,
    needsBody,
    ...(identity && { identity }),
    async authenticate(request, attempt) {
      sendAsWritten(attempt)
      const text = await readCredential(secret, 'secret', (given) => fitForKey(given, secretEncoding))
      const read: Record<string, string> = {}
      for (const [name, source] of named) read[name] = await readCredential(source, name)
      const { keyId = '', ...credentials } = read
      // Read after the credentials, which may take their time.
      const now = attempt.now()
      const settled = { timestamp: formatTimestamp(timestamp, now), now, nonce: nonce(now), keyId }
      let mac: Promise<Mac> | undefined
      const facts = new RequestFacts(request, attempt, { ...settled, credentials: credentials as Read<C> }, () => {
        mac ??= macOf(text, facts)
        return mac
      })
      if (serverTime || verify) sent.set(attempt, facts)
      if (prepare) await own('prepare', async () => write(await prepare(facts), request, attempt, places))
      if (canonicalRequest) facts.canonicalRequest = await own('canonicalRequest', () => canonicalRequest(facts))
      const signed = bytesOf(await own('message', () => message(facts)))
      attempt.explain(async (said) => {
        const { explanation } = await import('./explain.ts')
        return explanation(signed, facts.canonicalRequest, [text, ...Object.values(credentials)], said)
      })
      facts.signature = encode[encoding](await facts.mac(signed))
      await own('place', async () => write(await place(facts), request, attempt, places))
    },
    ...((serverTime || verify) && { onResponse }),
  }

  async function onResponse(answer: Answer, attempt: Attempt): Promise<ReplayReason | undefined> {
    const facts = sent.get(attempt)
    if (!facts) return undefined
    if (serverTime && !attempt.honoured.includes('clock_skew')) {
      const at = await own('serverTime', () => serverTime(answer, facts))
      if (at && (at === true || attempt.correct(at))) return 'clock_skew'
    }
    if (verify && !(await own('verify', () => verify(answer, facts))))
      throw new CredentialError('server_not_proven', 'The answer is not signed by who knows the key: do not trust it.')
    return undefined
  }

  async function macOf(text: string, facts: RequestFacts<Read<C>>): Promise<Mac> {
    const { key, keyScope } = options
    const prepared = async () => {
      const bytes = keyOf(text, secretEncoding)
      return createMac(hash, key ? await key(bytes, facts) : bytes)
    }
    if (key && !keyScope) return own('key', prepared)
    const scope = keyScope && (await own('keyScope', () => keyScope(facts)))
    if (last?.text === text && last.scope === scope) return last.mac
    const entry = { text, scope, mac: own('key', prepared) }
    last = entry
    entry.mac.catch(() => {
      if (last === entry) last = undefined
    })
    return entry.mac
  }
}

/** Tries what is to be written. Nothing random is drawn and nothing awaited: some runtimes forbid both at start-up. */
function tried<C extends Credentials>({
  prepare,
  place,
  credentials = {} as C,
  needsBody,
  timestamp = 's',
}: HmacOptions<C>): string[] {
  const made = Object.fromEntries(Object.keys(credentials).map((name) => [name, name])) as Read<C>
  const url = new URL('https://example.invalid/')
  const attempt = { url, ...(needsBody !== false && { body: utf8('') }) }
  try {
    const settled = { timestamp: formatTimestamp(timestamp, 0), now: 0, nonce: '0', keyId: '-', credentials: made }
    const facts = new RequestFacts({ method: 'GET', headers: new Headers() }, attempt, settled, () =>
      createMac('sha256', utf8('-')),
    )
    facts.signature = '-'
    return [prepare?.(facts), place(facts)].flatMap((placement) => {
      if (placement && 'then' in placement) {
        placement.catch(() => {})
        throw undefined
      }
      return placesOf(placement ?? {})
    })
  } catch {
    throw invalid(
      "What this scheme writes could not be tried. Name all of it in `places`, e.g. ['header:x-signature'].",
    )
  }
}
