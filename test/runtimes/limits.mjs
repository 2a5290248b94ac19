// What the limiter declares, learns and tells.
import { apiKey, createClient, rateLimitOf } from 'latchkey'
import { breaker } from 'latchkey/throttle'
import { families } from 'latchkey/throttle/families'
import { codeOf, equal } from './checks.mjs'

export function limits({ baseUrl, trace, timesOf }) {
  const auth = apiKey({ name: 'X-API-Key', value: 'key' })
  const create = (options) => createClient({ baseUrl, auth, ...options })

  return {
    async 'a quota that the server tells is kept: no 429, and limits() shows it'() {
      const path = trace('quota')
      const waits = []
      const client = create({ onEvent: (event) => event.type === 'wait' && waits.push(event.reason) })
      for (let i = 0; i < 2; i++) equal((await client.get(path)).status, 200)
      const known = client.limits().find(({ policy }) => policy === 'second')
      equal(known?.limit, 2)
      equal(known?.remaining, 0)
      equal((await client.get(path)).status, 200)
      equal(waits.includes('quota'), true, waits.join())
      const [, second, third] = await timesOf(path)
      equal(third - second > 700, true, `after ${third - second} ms`)
    },
    async 'a wait that is longer than asked for fails at once, with the time'() {
      const path = trace('quota')
      const client = create({})
      for (let i = 0; i < 2; i++) await client.get(path)
      const error = await client.get(path, { maxWait: 10 }).catch((reason) => reason)
      equal(error.code, 'rate_limited')
      equal(rateLimitOf(error).sent, false)
      equal((await timesOf(path)).length, 2)
    },
    async 'the fields of a vendor, told by name'() {
      const path = trace('github')
      const client = create({ quota: families })
      await client.get(path)
      equal(client.limits().find(({ remaining }) => remaining === 41)?.limit, 60)
    },
    async 'declared limits: so many in a time, so many in flight'() {
      const path = trace('slow')
      const client = create({ limits: [{ requests: 4, per: 600 }, { concurrent: 2 }] })
      const peaks = await Promise.all(Array.from({ length: 9 }, () => client.get(path).json()))
      equal(
        peaks.every(({ peak }) => peak <= 2),
        true,
      )
      const times = await timesOf(path)
      equal(times[8] - times[0] > 900, true, `all in ${times[8] - times[0]} ms`)
    },
    async 'a circuit opens after failures, and nothing is sent'() {
      const client = create({ retry: 0, limiter: breaker({ failures: 2, openFor: 60_000 }) })
      for (let i = 0; i < 2; i++) await client.get('fails/503').catch(() => {})
      equal(await codeOf(() => client.get('echo')), 'circuit_open')
    },
  }
}
