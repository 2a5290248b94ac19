// A request that the client signs, so that nobody can change it on its way through the browser (RFC 9101).
import type { OAuthClient } from './client.ts'
import { createJwtSigner, type SigningOptions } from './signed-jwt.ts'

/** Puts a request into one signed parameter: what `signedRequest()` gives. */
export type RequestSealer = (fields: URLSearchParams, client: OAuthClient) => Promise<URLSearchParams>

/**
 * Signs the authorization request, for `requestObject` (RFC 9101, section 4).
 * @throws LatchkeyError `invalid_option`
 */
export function signedRequest(options: SigningOptions): RequestSealer {
  const signer = createJwtSigner(options)
  return async (fields, client) => {
    const { issuer } = await client.server.metadata()
    const sign = await signer.load()
    const now = Math.floor(client.now() / 1000)
    const claims: Record<string, unknown> = { ...Object.fromEntries(fields), resource: fields.getAll('resource') }
    for (const name of ['claims', 'authorization_details'])
      if (claims[name] !== undefined) claims[name] = JSON.parse(String(claims[name]))
    if (claims.max_age !== undefined) claims.max_age = Number(claims.max_age)
    const request = await sign(
      { ...claims, iss: client.id, aud: issuer, jti: crypto.randomUUID(), iat: now, nbf: now, exp: now + 60 },
      'oauth-authz-req+jwt',
    )
    // What OpenID Connect Core, section 6.1, wants to see outside too.
    const outside = ['client_id', 'response_type', 'scope'].filter((name) => fields.has(name))
    return new URLSearchParams([...outside.map((name) => [name, fields.get(name) as string]), ['request', request]])
  }
}
