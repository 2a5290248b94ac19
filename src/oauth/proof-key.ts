// The key that tokens are bound to: where it is kept, and what it signs (RFC 9449, section 4).
import { fromUtf8, utf8 } from '../crypto/bytes.ts'
import { signedJws } from '../crypto/jws.ts'
import { textDigest } from '../crypto/text-digest.ts'
import { StoreError } from '../errors.ts'
import type { CryptoKeyPair } from '../platform.ts'
import type { CredentialStore } from '../types.ts'
import { keyId } from './dpop.ts'

const ALGORITHM = { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' } as const

export interface ProofKey {
  thumbprint(): Promise<string>
  proof(
    method: string,
    url: string,
    options: { now: number; accessToken?: string; nonce: string | undefined },
  ): Promise<string>
}

export async function proofKey({ privateKey, publicKey }: CryptoKeyPair): Promise<ProofKey> {
  const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', publicKey)
  return {
    thumbprint: () => textDigest(JSON.stringify({ crv, kty, x, y })),
    async proof(method, url, { now, accessToken, nonce }) {
      const claims = {
        jti: crypto.randomUUID(),
        htm: method,
        htu: url.replace(/[?#].*$/s, ''),
        iat: Math.floor(now / 1000),
        nonce,
        ...(accessToken !== undefined && { ath: await textDigest(accessToken) }),
      }
      const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: { crv, kty, x, y } }
      return (await signedJws(header, claims, privateKey, ALGORITHM)).text
    },
  }
}

/**
 * The key of a session, made when there is none: one that cannot leave where the store can hold it, else a JWK in a record of the store.
 * @throws StoreError
 */
export async function keyIn(store: CredentialStore, id: string): Promise<CryptoKeyPair> {
  if (store.keyPair) return store.keyPair(keyId(id), () => newKey(false))
  let entry = await store.get(keyId(id))
  if (!entry) {
    const { privateKey } = await newKey(true)
    const jwk = await crypto.subtle.exportKey('jwk', privateKey)
    await store.put(keyId(id), utf8(JSON.stringify(jwk)), { ifVersion: null })
    // Somebody else's, where that came first.
    entry = await store.get(keyId(id))
  }
  return restored(entry?.value, store)
}

export function newKey(extractable: boolean): Promise<CryptoKeyPair> {
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
