// A client that signs an assertion to prove itself (RFC 7523, section 2.2; OpenID Connect Core, section 9).
import { type ClientAuth, clockSkew } from 'oauth4webapi'
import { type Credential, checkCredential, readCredential } from '../credential.ts'
import { utf8 } from '../crypto/bytes.ts'
import type { ClientAuthentication } from './client.ts'
import { createJwtSigner, type SigningOptions, signedJwt } from './signed-jwt.ts'

export interface PrivateKeyJwtOptions extends SigningOptions {
  /** Default: the issuer. Some servers want the URL of their token endpoint. */
  audience?: string
}

/**
 * Proves the client with a private key that never leaves it (`private_key_jwt`): for `clientAuthentication`.
 * @throws LatchkeyError `invalid_option`
 */
export function privateKeyJwt(options: PrivateKeyJwtOptions): ClientAuthentication {
  const signer = createJwtSigner(options)
  return async () => asserted(await signer.load(), options.audience)
}

/**
 * Proves the client with a MAC under its secret, which so never travels (`client_secret_jwt`): for `clientAuthentication`.
 * @throws CredentialError `credential_invalid`
 */
export function clientSecretJwt(
  clientSecret: Credential,
  { audience, hash = 'SHA-256' }: { audience?: string; hash?: 'SHA-256' | 'SHA-384' | 'SHA-512' } = {},
): ClientAuthentication {
  checkCredential(clientSecret, 'clientSecret')
  return async () => {
    const secret = utf8(await readCredential(clientSecret, 'clientSecret'))
    const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, ['sign'])
    return asserted((claims) => signedJwt(key, claims), audience)
  }
}

/** Seconds an assertion is good for: it is made for one request. */
const LIFETIME = 60

function asserted(sign: (claims: object) => Promise<string>, audience: string | undefined): ClientAuth {
  return async (server, client, body) => {
    const now = Math.floor(Date.now() / 1000) + (client[clockSkew] ?? 0)
    body.set('client_id', client.client_id)
    body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    body.set(
      'client_assertion',
      await sign({
        iss: client.client_id,
        sub: client.client_id,
        aud: audience ?? server.issuer,
        jti: crypto.randomUUID(),
        iat: now,
        nbf: now,
        exp: now + LIFETIME,
      }),
    )
  }
}
