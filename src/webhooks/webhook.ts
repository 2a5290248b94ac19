import { type Credential, checkCredential, readCredential } from '../credential.ts'
import { fromBase64, fromBase64url, fromHex, fromUtf8, utf8 } from '../crypto/bytes.ts'
import { equal } from '../crypto/equal.ts'
import { createMac, type HashName, hashNames } from '../crypto/hash.ts'
import { LatchkeyError } from '../errors.ts'
import { type Facts, RequestFacts } from '../hmac/facts.ts'
import { bytesOf, own } from '../hmac/message.ts'
import { fitForKey, keyOf, type Message } from '../hmac/options.ts'
import { parseDate } from '../http/date.ts'
import type { Awaitable, Bytes } from '../types.ts'
import { type Delivery, receive } from './delivery.ts'
import { WebhookError } from './webhook-error.ts'

/** What the verifiers of all schemes take. */
export interface SecretOptions {
  /** Shared with the sender; several while it is being rotated, any of which may have signed. */
  secret: Credential | readonly Credential[]
  /** How old a delivery may be, and how far ahead its clock, in milliseconds; false for any. Default 300 000. */
  tolerance?: number | false
}

export interface WebhookOptions extends SecretOptions {
  /** How `secret` writes its bytes. Default `'utf8'`. */
  secretEncoding?: 'utf8' | 'base64' | 'hex'
  hash: HashName
  /** How the signatures are written. */
  encoding: 'hex' | 'base64' | 'base64url'
  /** What the sender signed: `message` of the same `hmac` recipe. */
  message: (facts: Facts) => Awaitable<Message>
  /** The signatures that the delivery carries; one that is right is enough. */
  signatures: (headers: Headers, url: URL) => string | null | readonly string[]
  /** When it was signed: seconds or milliseconds since the epoch, ISO 8601 or an HTTP date. Default: the scheme does not say, and `tolerance` has no effect. */
  timestamp?: (headers: Headers, url: URL) => string | null
}

/** Deliveries that are known to come from who holds the secret. */
export interface Webhook {
  /**
   * Returns the content when its signature is right and fresh.
   * @throws WebhookError `signature_missing`, `signature_invalid`, `timestamp_missing`, `timestamp_out_of_tolerance`, `content_unreadable`
   * @throws CredentialError `credential_invalid`, `credential_unavailable` for a secret that a function gave
   */
  verify(delivery: Request | Delivery): Promise<Verified>
}

export interface Verified {
  readonly body: Bytes
  /** The content as UTF-8. */
  readonly text: string
  /** Milliseconds since the epoch, by the sender's clock; undefined where the scheme does not say. */
  readonly signedAt: number | undefined
}

const decode = { hex: fromHex, base64: fromBase64, base64url: fromBase64url }

/**
 * Verifies deliveries of any HMAC scheme (RFC 2104): in constant time, with several secrets and several signatures.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 * @example
 * const hook = webhook({
 *   secret, hash: 'sha256', encoding: 'hex',
 *   timestamp: (headers) => headers.get('x-timestamp'),
 *   message: ({ timestamp, body }) => [timestamp, '.', body],
 *   signatures: (headers) => headers.get('x-signature'),
 * })
 * const { text } = await hook.verify(request)
 */
export function webhook(options: WebhookOptions): Webhook {
  const { hash, encoding, secretEncoding, signatures, timestamp, message } = options
  const tolerance = checkTolerance(options.tolerance)
  if (!hashNames.includes(hash)) throw invalid(`\`hash\` of webhook must be one of ${hashNames.join(', ')}.`)
  if (!Object.hasOwn(decode, encoding)) throw invalid("`encoding` of webhook must be 'hex', 'base64' or 'base64url'.")
  if (typeof message !== 'function' || typeof signatures !== 'function')
    throw invalid('`message` and `signatures` of webhook must be functions.')
  const secrets = [options.secret].flat() as Credential[]
  if (!secrets.length) throw invalid('`secret` of webhook must be a secret, or several in an array.')
  const check = (text: string): string => fitForKey(text, secretEncoding)
  for (const secret of secrets) checkCredential(secret, 'secret', check)

  return {
    async verify(delivery) {
      const received = await receive(delivery)
      const { headers, url, body } = received
      const carried = await own(
        'signatures',
        () => [signatures(headers, url)].flat().filter((one) => typeof one === 'string' && one !== '') as string[],
      )
      if (!carried.length)
        throw new WebhookError('signature_missing', 'The delivery carries no signature of this scheme.')
      const text = timestamp && (await own('timestamp', () => timestamp(headers, url)))
      const signedAt = text ? instant(text) : undefined
      if (timestamp && signedAt === undefined)
        throw new WebhookError('timestamp_missing', 'The delivery does not say when it was signed.')
      const settled = { timestamp: text ?? '', now: signedAt ?? 0, nonce: '', keyId: '', credentials: {} }

      let right = false
      for (const secret of secrets) {
        const key = keyOf(await readCredential(secret, 'secret', check), secretEncoding)
        const mac = createMac(hash, key)
        const facts = new RequestFacts(received, received, settled, () => mac)
        const expected = await facts.mac(bytesOf(await own('message', () => message(facts))))
        for (const signature of carried) right = equal(expected, decode[encoding](signature) ?? utf8('')) || right
      }
      if (!right)
        throw new WebhookError(
          'signature_invalid',
          'No signature is right: another secret, or content that was changed or parsed on the way.',
        )
      // Only now is the timestamp known to be the sender's.
      if (signedAt !== undefined && Math.abs(Date.now() - signedAt) > tolerance)
        throw new WebhookError(
          'timestamp_out_of_tolerance',
          'The signature is right, but too old or ahead of time: a replay, a late delivery, or a wrong clock.',
        )
      return { body, text: fromUtf8(body), signedAt }
    },
  }
}

/** Seconds have at most eleven digits until the year 5138, and milliseconds have had more since 1973. */
function instant(text: string): number | undefined {
  if (/^\d{1,11}$/.test(text)) return Number(text) * 1000
  return /^\d{12,14}$/.test(text) ? Number(text) : parseDate(text)
}

function checkTolerance(tolerance: number | false = 300_000): number {
  if (tolerance === false) return Number.POSITIVE_INFINITY
  if (typeof tolerance !== 'number' || !(tolerance >= 0))
    throw invalid('`tolerance` of webhook must be milliseconds, or false for any age.')
  return tolerance
}

function invalid(text: string): LatchkeyError {
  return new LatchkeyError('invalid_option', text)
}
