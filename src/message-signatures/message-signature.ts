import { type Credential, readCredential } from '../credential.ts'
import { base64url } from '../crypto/bytes.ts'
import { sendAsWritten } from '../http/as-written.ts'
import { contentDigest, type DigestAlgorithm, digestAlgorithms } from '../http/content-digest.ts'
import type { FieldType } from '../http/structured-field.ts'
import type { Answer, Attempt, AuthStrategy, Bytes, Provided, ReplayReason } from '../types.ts'
import {
  checkAlgorithm,
  checkSecret,
  importKey,
  type SecretEncoding,
  type SignatureAlgorithm,
  type SignatureKey,
} from './algorithms.ts'
import { parseComponent } from './components.ts'
import type { RequestMessage } from './message.ts'
import { checkLabel, cover, signed } from './sign.ts'
import { signatureBase } from './signature-base.ts'
import { invalid, SignatureError } from './signature-error.ts'
import type { SignatureVerifier } from './verify.ts'
import type { Given, Wishes } from './wishes.ts'

export interface MessageSignatureOptions {
  /** A key, or a function that gives one, asked for each attempt. */
  key: Provided<SignatureKey>
  algorithm: SignatureAlgorithm
  /** How a shared secret that is a text writes its bytes. Default `'utf8'`. */
  secretEncoding?: SecretEncoding
  /** The name of the key, for who verifies. Default: none is sent. */
  keyid?: Provided<string>
  /** What is covered. Default: `@method`, `@authority`, `@path`, `@query`, and where they are, `content-digest`, `authorization` and `content-type`. */
  components?: readonly string[] | ((request: Request) => readonly string[])
  /** Default `'sig'`. */
  label?: string
  /** How long a signature is good, in milliseconds. Default: it does not say. */
  expiresIn?: number
  /** A nonce for each attempt; false sends none. Default: 128 random bits in base64url. */
  nonce?: (() => string) | false
  /** The application or profile that the signature is for. Default none. */
  tag?: string
  /** Names the algorithm in the signature. Default false: the key decides. */
  alg?: boolean
  /** `Content-Digest` (RFC 9530) of the content as it is sent; false sends none, and content may be a stream. Default `'sha-256'`. */
  contentDigest?: DigestAlgorithm | false
  /** Verifies what comes back. Refusals that proxies make too (401, 403, 407, 408, 425, 429, 500 and above) pass unverified. Default none. */
  responses?: SignatureVerifier
  /** The types of fields, for components with `sf`. Default: what can be read as a list is one, else it is a dictionary. */
  structuredFields?: Readonly<Record<string, FieldType>>
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

// How long a signature is good where the server wants an end, and the user does not say.
const FIVE_MINUTES = 300_000
// What a proxy may answer in the server's place, and what other strategies or another attempt may mend.
const UNSIGNED = [401, 403, 407, 408, 425, 429]
// What a server refuses, asking for another signature. Others, e.g. 429, say that the same may be right later.
const ASKING = [400, 401, 403, 422]

/**
 * HTTP Message Signatures (RFC 9421): each attempt is signed anew, over what the other strategies placed too.
 *
 * A refusal with `Accept-Signature` or `Want-Content-Digest` is answered once with what it asks for.
 * @throws LatchkeyError `invalid_option`; SignatureError `component_unavailable`
 * @throws CredentialError `credential_invalid`, `credential_unavailable`, `runtime_unsupported` for the key
 * @example
 * messageSignature({ key: privateJwk, keyid: 'key-1', algorithm: 'ed25519' })
 */
export function messageSignature(options: MessageSignatureOptions): AuthStrategy {
  const { algorithm, secretEncoding, keyid, components, label = 'sig', expiresIn, tag, alg } = options
  const { nonce = random, contentDigest: digest = 'sha-256', responses, structuredFields, identity } = options
  checkAlgorithm(algorithm)
  checkLabel(label)
  if (typeof options.key !== 'function') checkSecret(options.key, algorithm, secretEncoding)
  if (digest !== false && !digestAlgorithms.includes(digest))
    throw invalid("`contentDigest` must be 'sha-256', 'sha-512' or false.")
  if (Array.isArray(components)) components.forEach(parseComponent)
  // Loaded once a server asks for something, which most never do.
  let wishes: Promise<Wishes | undefined> | undefined
  const given = new WeakMap<Attempt, Given>()
  const sent = new WeakMap<Attempt, RequestMessage>()
  // Only the last key is kept: one that was rotated out is not held longer than needed.
  let last: { given: unknown; key: Promise<CryptoKey> } | undefined

  return {
    places: [
      'header:signature-input',
      'header:signature',
      ...(digest === false ? [] : ['header:content-digest']),
      ...(responses ? ['header:accept-encoding'] : []),
    ],
    signs: true,
    needsBody: digest !== false,
    ...(identity && { identity }),
    async authenticate(request, attempt) {
      sendAsWritten(attempt)
      const key = await signingKey()
      const name = keyid === undefined ? undefined : await readCredential(keyid, 'keyid')
      const { headers, method } = request
      const { body, url } = attempt
      const heeded = await wishes
      const { signature: asked, digest: wanted } = heeded?.of(attempt) ?? {}
      // fetch shows no bytes but the decoded, and the digest is of the encoded.
      if (responses && !headers.has('accept-encoding')) headers.set('accept-encoding', 'identity')
      const listed =
        typeof components === 'function' ? components(request) : (components ?? usual(headers, body?.length && digest))
      const named = [...listed, ...(asked?.components ?? [])].some((one) => /^"?content-digest\b/i.test(one))
      const digested = body && (body.length || named) && digest ? (wanted ?? digest) : undefined
      if (digested) headers.set('content-digest', await contentDigest(body as Bytes, digested))
      const source = { message: { method, url, headers: known(headers, attempt) }, structuredFields }
      const now = attempt.now()
      const said = {
        createdAt: now,
        expiresAt: expiresIn || asked?.expires ? now + (expiresIn ?? FIVE_MINUTES) : undefined,
        keyid: name,
        alg: alg ? algorithm : undefined,
        tag: tag ?? asked?.tag,
        nonce: asked?.nonce ?? (nonce ? nonce() : undefined),
      }
      const covered = cover([...listed, ...(heeded?.further(asked?.components ?? [], listed, source) ?? [])], said)
      attempt.explain(() => ({ stringToSign: signatureBase(covered, source) }))
      const used = asked?.label ?? label
      const fields = await signed(source, key, algorithm, used, covered)
      for (const [field, value] of Object.entries(fields)) headers.set(field, value)
      given.set(attempt, { ...said, alg: algorithm, label: used, covered: covered.items, digest: digested })
      if (responses) sent.set(attempt, { method, url, headers: known(headers, attempt) })
    },
    async onResponse(answer, attempt) {
      const reason = await wished(answer, attempt)
      if (reason) return reason
      if (responses) await verifyAnswer(answer, attempt, sent.get(attempt) as RequestMessage)
      return undefined
    },
  }

  async function wished({ status, headers }: Answer, attempt: Attempt): Promise<ReplayReason | undefined> {
    const asks = headers.has('accept-signature') || headers.has('want-content-digest')
    const before = given.get(attempt)
    if (!asks || !before || !ASKING.includes(status)) return undefined
    // Where the part cannot be had, as in a page whose site was published anew meanwhile, the refusal stands.
    wishes ??= import('./wishes.ts').then(
      ({ createWishes }) => createWishes(),
      () => undefined,
    )
    return (await wishes)?.heard({ headers }, attempt, before)
  }

  async function verifyAnswer(answer: Answer, attempt: Attempt, request: RequestMessage): Promise<void> {
    const { status, headers } = answer
    if (status >= 500 || UNSIGNED.includes(status)) return
    const body = request.method === 'HEAD' || status === 304 ? false : () => bytesOf(answer)
    await responses?.verify({ status, headers }, { request, body, now: attempt.now() })
  }

  async function signingKey(): Promise<CryptoKey> {
    // Only a Secret is opened on the way; what else a key is stays what it is.
    const given: unknown = await readCredential(options.key as Credential, 'key', (key) => key)
    if (last?.given !== given) {
      const entry = { given, key: importKey(given as SignatureKey, algorithm, 'sign', secretEncoding) }
      last = entry
      entry.key.catch(() => {
        if (last === entry) last = undefined
      })
    }
    return (last as { key: Promise<CryptoKey> }).key
  }
}

/** What another strategy, or the caller, put into `Authorization` is covered too. */
function usual(headers: Headers, digested: unknown): readonly string[] {
  const fields = ['authorization', 'content-type'].filter((name) => headers.has(name))
  return ['@method', '@authority', '@path', '@query', ...(digested ? ['content-digest'] : []), ...fields]
}

/** The fields set so far, and those that the runtime is known to send. */
function known(fields: Headers, { url, body }: Attempt): Headers {
  const headers = new Headers(fields)
  headers.set('host', url.host)
  if (body?.length) headers.set('content-length', String(body.length))
  return headers
}

function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(16)))
}

async function bytesOf(answer: Answer): Promise<Bytes> {
  if ((answer.headers.get('content-encoding') ?? 'identity') !== 'identity')
    throw new SignatureError(
      'content_unreadable',
      'The answer came compressed, and fetch shows no bytes that its digest could be compared with.',
    )
  return (await answer.content(Number.POSITIVE_INFINITY)) as Bytes
}
