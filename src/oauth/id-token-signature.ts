// Who signed an ID token (OpenID Connect Core, section 10.1; RFC 7517): one of the keys that its issuer publishes.
import { fromBase64url, utf8 } from '../crypto/bytes.ts'
import { headerOf, type SignatureCheck } from './id-token.ts'
import { REQUEST_TIMEOUT } from './server.ts'
import { ofKeyPairs } from './signed-jwt.ts'
import { unavailable } from './verdict.ts'

/** Milliseconds for which the keys are believed; an unknown one is asked for at once. */
const LIFETIME = 300_000

type Keys = readonly (JsonWebKey & { kid?: string })[]

/**
 * Checks the signature of ID tokens with the keys of the issuer, for `verifyIdToken`. Needed only where the token passed through others'
 * hands: it comes straight from the server, over https.
 */
export function idTokenSignature(): SignatureCheck {
  let known: { readonly from: string; readonly keys: Keys; readonly at: number } | undefined

  return async (jws, server, fetch) => {
    const { jwks_uri } = server
    const [head, payload, signature = ''] = jws.split('.')
    const { alg, kid } = headerOf(jws) as { alg: string; kid?: string }
    const parameters = ofKeyPairs(alg)
    if (!jwks_uri || !parameters) return false
    const fits = (key: Keys[number]) =>
      (kid === undefined || key.kid === kid) && (key.use ?? 'sig') === 'sig' && (key.alg ?? alg) === alg
    if (known?.from !== jwks_uri || Date.now() - known.at > LIFETIME || !known.keys.some(fits)) known = await loaded()
    for (const { kid: _, use: __, key_ops: ___, alg: ____, ...jwk } of known.keys.filter(fits)) {
      const key = await crypto.subtle.importKey('jwk', jwk, parameters, false, ['verify']).catch(() => undefined)
      const bytes = fromBase64url(signature)
      const text = utf8(`${head}.${payload}`)
      if (key && bytes && (await crypto.subtle.verify(parameters, key, bytes, text))) return true
    }
    return false

    async function loaded() {
      const response = await fetch(jwks_uri as string, {
        headers: { accept: 'application/json' },
        redirect: 'manual',
        signal: AbortSignal.timeout(REQUEST_TIMEOUT),
      })
      const body = response.ok ? await response.json().catch(() => undefined) : undefined
      if (!Array.isArray(body?.keys)) throw unavailable('gave no keys', response)
      return { from: jwks_uri as string, keys: body.keys as Keys, at: Date.now() }
    }
  }
}
