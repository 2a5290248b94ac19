// Tokens bound to a key, and a proof of that key with each request (RFC 9449).
import { OAuthError } from '../errors.ts'
import type { CryptoKeyPair } from '../platform.ts'
import type { AccessToken } from '../types.ts'
import { late } from './late.ts'
import type { ProofKey } from './proof-key.ts'

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

type Keys = typeof import('./proof-key.ts')

/** Takes over the nonce of an answer (RFC 9449, section 8); true when there was one. `resource` keeps the two roles of an origin apart. */
export function learnNonce(nonces: Nonces, url: string, headers: Headers, resource: boolean): boolean {
  const nonce = headers.get('dpop-nonce')
  if (nonce) nonces.set(role(url, resource), nonce)
  return Boolean(nonce)
}

const role = (url: string, resource: boolean) => `${resource} ${new URL(url).origin}`

/** Only who binds tokens to keys loads what that takes. @throws OAuthError `token_unavailable` */
export const proofKeys = (): Promise<Keys> => late(import('./proof-key.ts'))

export function createProver(pair: (keys: Keys) => Promise<CryptoKeyPair>, nonces: Nonces): Prover {
  let loaded: Promise<ProofKey> | undefined
  function key(): Promise<ProofKey> {
    loaded ??= proofKeys().then(async (keys) => keys.proofKey(await pair(keys)))
    loaded.catch(() => (loaded = undefined))
    return loaded
  }
  return {
    thumbprint: async () => (await key()).thumbprint(),
    async proof(method, url, options) {
      const { proof } = await key()
      return proof(method, url, { ...options, nonce: nonces.get(role(url, options.accessToken !== undefined)) })
    },
    learn: (url, headers) => learnNonce(nonces, url, headers, false),
  }
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
