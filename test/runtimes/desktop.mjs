// What only programs on a machine do: sign a user in by a browser that comes back to a port of theirs.
import { createClient } from 'latchkey'
import { privateKeyJwt, registerClient, signedRequest } from 'latchkey/oauth'
import { loopback } from 'latchkey/oauth/node'
import { equal, judged } from './checks.mjs'

export function desktopChecks(baseUrl) {
  const issuer = baseUrl.slice(0, -1)
  return judged({
    async 'a program signs a user in by the browser of the machine'() {
      const ec = { name: 'ECDSA', namedCurve: 'P-256' }
      const { privateKey, publicKey } = await crypto.subtle.generateKey(ec, true, ['sign', 'verify'])
      const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey)
      const jwks = { keys: [{ kty, crv, x, y, kid: 'mine' }] }
      const client = { token_endpoint_auth_method: 'private_key_jwt', jwks }
      const { clientId } = await registerClient({ issuer, client })
      const key = { privateKey, keyId: 'mine' }
      let page
      const login = loopback({
        issuer,
        clientId,
        clientAuthentication: privateKeyJwt(key),
        requestObject: signedRequest(key),
        scope: 'openid',
        async open(url) {
          const { location } = await (await fetch(url)).json()
          page = fetch(location).then((answer) => answer.text())
        },
      })
      await login.signIn()
      equal((await page).includes('You are signed in'), true)
      equal((await login.claims()).sub, 'ada')
      equal((await createClient({ baseUrl, auth: login }).get('granted').json()).ok, true)
    },
  })
}
