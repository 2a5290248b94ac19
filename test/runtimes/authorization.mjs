// The token endpoint the engines call for users: rotates refresh tokens, binds tokens to keys, knows what it gave to whom.
import { createHash, createPublicKey, randomUUID, verify } from 'node:crypto'
import { createClients } from './clients.mjs'

const decoded = (part) => JSON.parse(Buffer.from(part, 'base64url'))
const sha256 = (text) => createHash('sha256').update(text).digest('base64url')

export function createAuthorization(origin) {
  const tokens = new Map()
  const families = new Map()
  const polls = new Map()
  const grants = new Map()
  const proofs = new Set()
  const clients = createClients(origin)

  return {
    grantsTo: (client) => grants.get(client) ?? [],
    device: (client) => ({
      device_code: `device-${client}`,
      user_code: 'WDJB-MJHT',
      verification_uri: `${origin}/device`,
      expires_in: 60,
      interval: 0.1,
    }),
    clients,
    /** Answers `[status, content]`. */
    async token(form, proof) {
      const client = form.get('client_id')
      switch (form.get('grant_type')) {
        case 'refresh_token': {
          const [kind, number] = /^seed-/.test(form.get('refresh_token'))
            ? ['seed', 0]
            : form.get('refresh_token').split('.')
          const spent = families.get(client) ?? 0
          if ((kind !== 'seed' && kind !== client) || Number(number) !== spent) return [400, { error: 'invalid_grant' }]
          families.set(client, spent + 1)
          return issue(client, proof, { refresh_token: `${client}.${spent + 1}`, expires_in: spent ? 600 : 1 })
        }
        case 'urn:ietf:params:oauth:grant-type:device_code': {
          const asked = polls.get(client) ?? 0
          polls.set(client, asked + 1)
          if (asked < 2) return [400, { error: 'authorization_pending' }]
          return issue(client, proof, { refresh_token: `${client}.0`, expires_in: 600 })
        }
        case 'urn:ietf:params:oauth:grant-type:token-exchange': {
          const type = 'urn:ietf:params:oauth:token-type:'
          if (form.get('subject_token') !== 'subject' || form.get('subject_token_type') !== `${type}access_token`)
            return [400, { error: 'invalid_request' }]
          return issue(client, proof, { issued_token_type: form.get('requested_token_type'), expires_in: 600 })
        }
        default: {
          const deserved = await clients.deserves(form)
          return Array.isArray(deserved) ? deserved : issue(client, proof, deserved)
        }
      }
    },
    opens: (authorization) => tokens.get(authorization?.replace('Bearer ', ''))?.key === null,
    /** True, false, or that a nonce is wanted in the proof. */
    opensBound({ authorization = '', dpop }, method, path) {
      const token = authorization.replace('DPoP ', '')
      const claims = proven(dpop, method, origin + path)
      if (!claims || claims.ath !== sha256(token) || tokens.get(token)?.key !== claims.key) return false
      return claims.nonce === 'fresh' || 'nonce'
    },
  }

  function issue(client, proof, more) {
    const claims = proof && proven(proof, 'POST', `${origin}/token`)
    if (proof && !claims) return [400, { error: 'invalid_dpop_proof' }]
    const access_token = randomUUID()
    tokens.set(access_token, { key: claims?.key ?? null })
    grants.set(client, [...(grants.get(client) ?? []), access_token.slice(0, 4)])
    return [200, { access_token, token_type: proof ? 'DPoP' : 'Bearer', ...more }]
  }

  /** The claims of a proof that is right and new, with the thumbprint of its key. */
  function proven(proof = '', method, url) {
    const [head, body, signature] = proof.split('.')
    if (!signature) return undefined
    const { typ, jwk } = decoded(head)
    const claims = decoded(body)
    const key = { key: createPublicKey({ format: 'jwk', key: jwk }), dsaEncoding: 'ieee-p1363' }
    const right = verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))
    if (!right || typ !== 'dpop+jwt' || claims.htm !== method || claims.htu !== url || proofs.has(claims.jti))
      return undefined
    proofs.add(claims.jti)
    const { crv, kty, x, y } = jwk
    return { ...claims, key: sha256(JSON.stringify({ crv, kty, x, y })) }
  }
}
