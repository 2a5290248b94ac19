// Tokens bound to a key, and a proof of that key with each request (RFC 9449).
import { base64url, fromUtf8, utf8 } from '../crypto/bytes.ts'
import { OAuthError, StoreError } from '../errors.ts'
import type { CryptoKeyPair, JsonWebKey } from '../platform.ts'
import type { AccessToken, CredentialStore } from '../types.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const

/** Proves one key, and keeps the nonces that servers want to see in the proofs. */
export interface Prover {
  /** The JWK thumbprint of the key (RFC 7638), the `jkt` of its tokens. */
  thumbprint(): Promise<string>
  /** A new proof for one attempt; with the access token it goes beside (RFC 9449, section 4.2). */
  proof(method: string, url: string, options: { now: number; accessToken?: string }): Promise<string>
  /** Takes over the nonce that the authorization server sent; true when there was one. */
  learn(url: string, headers: Headers): boolean
}

/** The last nonce of each origin in each of its roles. */
export type Nonces = Map<string, string>

/** Takes over the nonce of an answer (RFC 9449, section 8); true when there was one. `resource` keeps the two roles of an origin apart. */
export function learnNonce(nonces: Nonces, url: string, headers: Headers, resource: boolean): boolean {
  const nonce = headers.get('dpop-nonce')
  if (nonce) nonces.set(role(url, resource), nonce)
  return Boolean(nonce)
}

const role = (url: string, resource: boolean) => `${resource} ${new URL(url).origin}`

export function createProver(key: () => Promise<CryptoKeyPair>, nonces: Nonces): Prover {
  let loaded: Promise<{ pair: CryptoKeyPair; jwk: JsonWebKey }> | undefined

  return {
    async thumbprint() {
      const { crv, kty, x, y } = (await load()).jwk
      return digest(JSON.stringify({ crv, kty, x, y }))
    },
    async proof(method, url, { now, accessToken }) {
      const { pair, jwk } = await load()
      const claims = {
        jti: crypto.randomUUID(),
        htm: method,
        htu: url.replace(/[?#].*$/s, ''),
        iat: Math.floor(now / 1000),
        nonce: nonces.get(role(url, accessToken !== undefined)),
        ...(accessToken !== undefined && { ath: await digest(accessToken) }),
      }
      const head = `${part({ typ: 'dpop+jwt', alg: 'ES256', jwk })}.${part(claims)}`
      const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, utf8(head))
      return `${head}.${base64url(new Uint8Array(signature))}`
    },
    learn: (url, headers) => learnNonce(nonces, url, headers, false),
  }

  function load(): Promise<{ pair: CryptoKeyPair; jwk: JsonWebKey }> {
    loaded ??= key().then(async (pair) => {
      const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey)
      return { pair, jwk: { crv, kty, x, y } as JsonWebKey }
    })
    loaded.catch(() => (loaded = undefined))
    return loaded
  }
}

/**
 * The key of a session, made when there is none: one that cannot leave where the store can hold it, else a JWK in a record of the store.
 * @throws StoreError
 */
export async function keyIn(store: CredentialStore, id: string): Promise<CryptoKeyPair> {
  if (store.keyPair) return store.keyPair(keyId(id), () => generate(false))
  let entry = await store.get(keyId(id))
  if (!entry) {
    const { privateKey } = await generate(true)
    const jwk = await crypto.subtle.exportKey('jwk', privateKey)
    await store.put(keyId(id), utf8(JSON.stringify(jwk)), { ifVersion: null })
    // Somebody else's, where that came first.
    entry = await store.get(keyId(id))
  }
  return restored(entry?.value, store)
}

export function keyId(id: string): string {
  return `${id} dpop`
}

/** A token that goes with a proof. @throws OAuthError `client_misconfigured` */
export function bound(token: AccessToken, prover: Prover): AccessToken {
  if (token.type !== 'DPoP')
    throw new OAuthError(
      'client_misconfigured',
      'The server gave a token that is not bound to the key. Leave `dpop` out, or let the server bind tokens of this client.',
    )
  return {
    ...token,
    prove: (attempt, request) =>
      token.value.use((accessToken) => prover.proof(request.method, request.url, { now: attempt.now(), accessToken })),
  }
}

function generate(extractable: boolean): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, extractable, ['sign', 'verify'])
}

async function restored(value: Uint8Array | undefined, store: CredentialStore): Promise<CryptoKeyPair> {
  try {
    const jwk = JSON.parse(fromUtf8(value as Uint8Array))
    const { d: _, key_ops: __, ...publicJwk } = jwk
    return {
      privateKey: await crypto.subtle.importKey('jwk', jwk, ALGORITHM, false, ['sign']),
      publicKey: await crypto.subtle.importKey('jwk', publicJwk, ALGORITHM, true, ['verify']),
    }
  } catch {
    throw new StoreError(
      'corrupt',
      store.traits.backend,
      'The key of the session cannot be read. Sign out, then sign in again.',
    )
  }
}

/** The SHA-256 hash of a text, in base64url: what `ath`, `jkt` and the PKCE code challenge are made of. */
export async function digest(text: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text))))
}

function part(value: object): string {
  return base64url(utf8(JSON.stringify(value)))
}
