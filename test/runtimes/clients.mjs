// Clients that register themselves, and users who sign in: what the engines' authorization server checks, by a library that nobody here wrote.
import { createHash, randomUUID } from 'node:crypto'
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'

const { publicKey, privateKey } = await generateKeyPair('ES256')
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

export function createClients(issuer) {
  const clients = new Map()
  const codes = new Map()
  const questions = new Map()

  return {
    jwks: async () => ({ keys: [{ ...(await exportJWK(publicKey)), kid: 'server', alg: 'ES256', use: 'sig' }] }),
    register(client) {
      const known = { ...client, client_id: randomUUID(), client_secret: randomUUID() + randomUUID() }
      clients.set(known.client_id, known)
      return known
    },
    /** Where the user agent is sent: they agree at once. What is asked must stand in a signed request (RFC 9101). */
    async authorize(query) {
      const id = query.get('client_id')
      const { payload } = await jwtVerify(query.get('request'), keysOf(id), { issuer: id, audience: issuer })
      const code = randomUUID()
      codes.set(code, payload)
      return `${payload.redirect_uri}?${new URLSearchParams({ code, state: payload.state, iss: issuer })}`
    },
    /** CIBA: the user is asked, and agrees after a while. */
    ask(form) {
      const id = randomUUID()
      questions.set(id, { client: form.get('client_id'), user: form.get('login_hint'), asked: 0 })
      return { auth_req_id: id, expires_in: 60, interval: 0.1 }
    },
    /** What a grant deserves, for `issue`; or `[status, content]` of a refusal. */
    async deserves(form) {
      const id = form.get('client_id')
      if (!(await proven(form))) return [401, { error: 'invalid_client' }]
      switch (form.get('grant_type')) {
        case 'authorization_code': {
          const asked = codes.get(form.get('code'))
          codes.delete(form.get('code'))
          const challenge = createHash('sha256').update(form.get('code_verifier')).digest('base64url')
          if (asked?.code_challenge !== challenge || asked.redirect_uri !== form.get('redirect_uri'))
            return [400, { error: 'invalid_grant' }]
          return { refresh_token: `${id}.0`, id_token: await idToken(id, 'ada', asked.nonce), expires_in: 600 }
        }
        case 'urn:openid:params:grant-type:ciba': {
          const question = questions.get(form.get('auth_req_id'))
          if (question?.client !== id) return [400, { error: 'invalid_grant' }]
          if (question.asked++ < 2) return [400, { error: 'authorization_pending' }]
          return { refresh_token: `${id}.0`, id_token: await idToken(id, question.user), expires_in: 600 }
        }
        case 'urn:ietf:params:oauth:grant-type:jwt-bearer': {
          const options = { issuer: id, subject: 'ada', audience: issuer, requiredClaims: ['exp', 'jti'] }
          const verified = await jwtVerify(form.get('assertion'), keysOf(id), options).catch(() => undefined)
          return verified ? { expires_in: 600 } : [400, { error: 'invalid_grant' }]
        }
        default:
          return [400, { error: 'unsupported_grant_type' }]
      }
    },
  }

  function keysOf(id) {
    return createLocalJWKSet(clients.get(id)?.jwks ?? { keys: [] })
  }

  /** RFC 7523, section 2.2, by the method that the client registered. */
  async function proven(form) {
    const {
      client_id: id,
      client_secret,
      token_endpoint_auth_method: method,
    } = clients.get(form.get('client_id')) ?? {}
    if (!id || form.get('client_assertion_type') !== ASSERTION) return false
    const key = method === 'client_secret_jwt' ? new TextEncoder().encode(client_secret) : keysOf(id)
    const audience = [issuer, `${issuer}/token`]
    return jwtVerify(form.get('client_assertion'), key, { issuer: id, subject: id, audience }).then(
      () => true,
      () => false,
    )
  }

  function idToken(audience, subject, nonce) {
    return new SignJWT(nonce ? { nonce } : {})
      .setProtectedHeader({ alg: 'ES256', kid: 'server' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey)
  }
}
