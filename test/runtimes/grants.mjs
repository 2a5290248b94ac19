// The grants that need more than a client and its secret: keys, signed requests, users.
import { createClient, memoryStore } from 'latchkey'
import {
  authorizationCode,
  ciba,
  clientSecretJwt,
  idTokenSignature,
  jwtBearer,
  privateKeyJwt,
  protectedResource,
  registerClient,
  signedRequest,
} from 'latchkey/oauth'
import { indexedDbStore } from 'latchkey/storage/indexed-db'
import { codeOf, equal } from './checks.mjs'

export function grants({ baseUrl, trace, inBrowser }) {
  const issuer = baseUrl.slice(0, -1)
  const client = createClient({ baseUrl, retry: 0 })
  const opens = async (auth) => (await client.extend({ auth }).get('granted').json()).ok

  /** A client with a key of its own, which the server knows by name. */
  async function registered(method) {
    const ec = { name: 'ECDSA', namedCurve: 'P-256' }
    const pair = await crypto.subtle.generateKey(ec, true, ['sign', 'verify'])
    const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey)
    const jwks = { keys: [{ kty, crv, x, y, kid: 'mine', alg: 'ES256' }] }
    const { clientId, clientSecret } = await registerClient({
      issuer,
      client: { client_name: trace('client'), token_endpoint_auth_method: method, jwks },
    })
    const key = { privateKey: pair.privateKey, keyId: 'mine' }
    const clientAuthentication = method === 'private_key_jwt' ? privateKeyJwt(key) : clientSecretJwt(clientSecret)
    return { key, own: { issuer, clientId, clientAuthentication } }
  }

  return {
    async 'a client registers, proves itself with its key or its secret, and vouches for a user'() {
      for (const method of ['private_key_jwt', 'client_secret_jwt']) {
        const { key, own } = await registered(method)
        equal(await opens(jwtBearer({ ...own, assertion: { ...key, subject: 'ada' } })), true, method)
        const other = jwtBearer({ ...own, assertion: { ...key, subject: 'eve' } })
        equal(await codeOf(() => opens(other)), 'session_ended')
        const stranger = (await registered(method)).own.clientAuthentication
        const forged = jwtBearer({ ...own, clientAuthentication: stranger, assertion: { ...key, subject: 'ada' } })
        equal(await codeOf(() => opens(forged)), 'client_misconfigured')
      }
    },
    async 'a user signs in by redirect: PKCE, a signed request, a signed ID token, an issuer that the resource names'() {
      const { key, own } = await registered('private_key_jwt')
      const store = inBrowser ? indexedDbStore(trace('login')) : memoryStore()
      const make = () =>
        authorizationCode({
          ...own,
          issuer: protectedResource(`${baseUrl}granted`, { issuers: [issuer] }),
          redirectUri: `${baseUrl}callback`,
          scope: 'openid',
          requestObject: signedRequest(key),
          verifyIdToken: idTokenSignature(),
          store,
        })
      const { location } = await (await fetch(await make().start({ returnTo: '/orders' }))).json()
      // The page that comes back is another one than that which went.
      const login = make()
      equal((await login.complete(location)).returnTo, '/orders')
      equal((await login.claims()).sub, 'ada')
      equal(await opens(login), true)
      equal(await opens(make()), true)
      const forged = new URL(location)
      forged.searchParams.set('state', 'another')
      equal(await codeOf(() => make().complete(forged)), 'callback_invalid')
      await login.signOut()
      equal(await make().signedIn(), false)
    },
    async 'a user is asked on a device of theirs'() {
      const { own } = await registered('private_key_jwt')
      const login = ciba(own)
      await login.signIn({ loginHint: 'ada' })
      equal((await login.claims()).sub, 'ada')
      equal(await opens(login), true)
    },
  }
}
