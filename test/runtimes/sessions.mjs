// Sessions of users: renewed, bound to a key, begun on another device, exchanged.
import { createClient, memoryStore } from 'latchkey'
import { deviceCode, refreshToken, tokenExchange } from 'latchkey/oauth'
import { indexedDbStore } from 'latchkey/storage/indexed-db'
import { sealed } from 'latchkey/storage/sealed'
import { codeOf, equal } from './checks.mjs'

export function sessions({ baseUrl, trace, inBrowser }) {
  const issuer = baseUrl.slice(0, -1)
  const client = createClient({ baseUrl })
  const named = () => trace('session').replaceAll(/\W/g, '-')
  const grants = (name) => client.get(`grants/${name}`).json()
  const restart = () => new Promise((resolve) => setTimeout(resolve, 1100))
  const newStore = () =>
    inBrowser ? indexedDbStore(named()) : sealed(memoryStore(), crypto.getRandomValues(new Uint8Array(32)))

  return {
    async 'a refresh token is rotated once for all who share the store, and none is spent twice'() {
      const store = newStore()
      const name = named()
      const login = () => refreshToken({ issuer, clientId: name, refreshToken: `seed-${name}`, store })
      const two = [login(), login()].map((auth) => client.extend({ auth, retry: 0 }))
      for (let round = 1; round <= 2; round++) {
        const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => two[i % 2].get('granted').json()))
        equal(
          answers.every(({ ok }) => ok),
          true,
        )
        equal((await grants(name)).length, round)
        if (round === 1) await restart()
      }
    },
    async 'a session bound to a key: each request proves it, also after the program began anew'() {
      const store = newStore()
      const name = named()
      const login = () => refreshToken({ issuer, clientId: name, refreshToken: `seed-${name}`, store, dpop: true })
      for (let start = 1; start <= 2; start++) {
        const own = client.extend({ auth: login(), retry: 0 })
        for (const query of ['', '?page=2']) equal((await own.get(`bound${query}`).json()).ok, true)
        equal((await grants(name)).length, start)
        if (start === 1) await restart()
      }
    },
    async 'a user signs in on another device, and out again'() {
      const name = named()
      let shown
      const prompt = (given) => {
        shown = given
      }
      const login = deviceCode({ issuer, clientId: name, prompt })
      await login.signIn()
      equal(shown.userCode, 'WDJB-MJHT')
      const own = client.extend({ auth: login, retry: 0 })
      equal((await own.get('granted').json()).ok, true)
      equal(await login.signedIn(), true)
      await login.signOut()
      equal(await login.signedIn(), false)
      equal(await codeOf(() => own.get('granted')), 'interaction_required')
    },
    async 'a token is exchanged for another'() {
      const auth = tokenExchange({ issuer, clientId: named(), subjectToken: 'subject', requestedTokenType: 'jwt' })
      equal((await client.extend({ auth }).get('granted').json()).ok, true)
    },
  }
}
