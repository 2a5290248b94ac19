import { base64url } from '../crypto/bytes.ts'
import { quoted } from '../http/structured-field.ts'
import type { JsonWebKey } from '../platform.ts'
import type { AuthStrategy } from '../types.ts'
import type { SignatureAlgorithm, SignatureKey } from './algorithms.ts'
import { jwkThumbprint } from './jwk-thumbprint.ts'
import type { RequestMessage } from './message.ts'
import { messageSignature } from './message-signature.ts'
import { signMessage } from './sign.ts'
import { invalid } from './signature-error.ts'

export interface WebBotAuthOptions {
  /** A private JWK, whose thumbprint names it; or another key, with `keyid`. */
  key: SignatureKey
  /** Default: that of the JWK; `'ed25519'` for another key. */
  algorithm?: SignatureAlgorithm
  /** Default: the thumbprint of the JWK (RFC 7638). */
  keyid?: string
  /** Where the directory of keys is, e.g. `'https://bot.example.com'`: sent as `Signature-Agent`. Default: none is sent. */
  agent?: string
  /** `'string'` as in the drafts that are deployed, `'dictionary'` as in the later ones. Default `'string'`. */
  agentForm?: 'string' | 'dictionary'
  /** What is covered beside `@authority` and `signature-agent`. Default nothing. */
  components?: readonly string[]
  /** How long a signature is good, in milliseconds. Default 300 000; more than a day is refused. */
  expiresIn?: number
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

export interface SignatureDirectoryOptions {
  /** Private JWKs; only their public halves are shown. */
  keys: readonly JsonWebKey[]
  /** How long the directory is good, in milliseconds. Default one day. */
  expiresIn?: number
}

const DAY = 86_400_000

/**
 * A bot that says who it is: Web Bot Auth (draft-meunier-web-bot-auth-architecture) over RFC 9421.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 * @example
 * webBotAuth({ key: privateJwk, agent: 'https://bot.example.com' })
 */
export function webBotAuth(options: WebBotAuthOptions): AuthStrategy {
  const { key, agent, agentForm = 'string', components = [], expiresIn = 300_000, identity } = options
  const jwk = typeof key === 'object' && 'kty' in key ? key : undefined
  const { algorithm = jwk ? algorithmOf(jwk) : 'ed25519' } = options
  if (!jwk && options.keyid === undefined)
    throw invalid('`key` must be a private JWK, whose thumbprint is its name; with another key, give `keyid`.')
  if (algorithm === 'hmac-sha256')
    throw invalid('A bot signs with a private key; a shared secret proves nothing to others.')
  if (!(expiresIn > 0 && expiresIn <= DAY)) throw invalid('`expiresIn` must be milliseconds, at most a day.')
  const shown = agent === undefined ? undefined : quoted(agent)
  if (agent !== undefined && (!shown || !/^(https?|data):/.test(agent)))
    throw invalid("`agent` must be the address of the directory, e.g. 'https://bot.example.com'.")
  const dictionary = agentForm === 'dictionary'
  const field = dictionary ? 'signature-agent;key="sig"' : 'signature-agent'
  let thumbprint: Promise<string> | undefined
  const inner = messageSignature({
    key,
    algorithm,
    keyid: options.keyid ?? (() => (thumbprint ??= jwkThumbprint(jwk as JsonWebKey))),
    components: ['@authority', ...(shown ? [field] : []), ...components],
    nonce: () => base64url(crypto.getRandomValues(new Uint8Array(64))),
    tag: 'web-bot-auth',
    expiresIn,
    contentDigest: components.includes('content-digest') && 'sha-256',
    ...(identity && { identity }),
  })
  if (!shown) return inner
  return {
    ...inner,
    places: [...inner.places, 'header:signature-agent'],
    authenticate(request, attempt) {
      request.headers.set('signature-agent', dictionary ? `sig=${shown}` : shown)
      return inner.authenticate(request, attempt)
    },
  }
}

/**
 * The answer to a request for `/.well-known/http-message-signatures-directory`
 * (draft-meunier-http-message-signatures-directory): the public keys, and a signature with each.
 * @throws CredentialError `credential_invalid`; LatchkeyError `invalid_option`
 */
export async function signatureDirectory(
  request: RequestMessage,
  { keys, expiresIn = DAY }: SignatureDirectoryOptions,
): Promise<Response> {
  const shown = await Promise.all(
    keys.map(async (key) => ({ ...publicHalf(key), kid: await jwkThumbprint(key), use: 'sig' })),
  )
  const headers = new Headers({
    'content-type': 'application/http-message-signatures-directory+json',
    'cache-control': `max-age=${Math.floor(expiresIn / 1000)}`,
  })
  const now = Date.now()
  for (const [index, key] of keys.entries()) {
    const fields = await signMessage(
      { status: 200, headers },
      {
        key,
        algorithm: algorithmOf(key),
        label: `sig${index + 1}`,
        components: ['@authority;req'],
        request,
        createdAt: now,
        expiresAt: now + expiresIn,
        keyid: shown[index]?.kid,
        tag: 'http-message-signatures-directory',
      },
    )
    for (const [name, value] of Object.entries(fields)) headers.set(name, value)
  }
  return new Response(JSON.stringify({ keys: shown }), { headers })
}

function publicHalf({ kty, crv, x, y, n, e, ...rest }: JsonWebKey & { nbf?: number; exp?: number }): object {
  const { nbf, exp } = rest
  return Object.fromEntries(
    Object.entries({ kty, crv, x, y, n, e, nbf, exp }).filter(([, value]) => value !== undefined),
  )
}

function algorithmOf({ kty, crv }: JsonWebKey): SignatureAlgorithm {
  if (kty === 'RSA') return 'rsa-pss-sha512'
  const found = { 'P-256': 'ecdsa-p256-sha256', 'P-384': 'ecdsa-p384-sha384', Ed25519: 'ed25519' } as const
  const algorithm = found[crv as keyof typeof found]
  if (!algorithm) throw invalid('`key` must be a JWK on Ed25519, P-256 or P-384, or of RSA.')
  return algorithm
}
