// What the limiter declares, learns and tells.
import { apiKey, createClient, rateLimitOf } from 'latchkey'
import { breaker, graphqlThrottled } from 'latchkey/throttle'
import { bucketLimiter, families, githubBuckets, table } from 'latchkey/throttle/families'
import { tabLimiter } from 'latchkey/throttle/tabs'
import { fixtures, NOW } from '../throttle/fixtures.ts'
import { codeOf, equal, until } from './checks.mjs'

export function limits({ baseUrl, trace, timesOf, inBrowser }) {
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
    async 'a bucket of routes that is used up holds back its own requests only'() {
      const client = create({ limiter: bucketLimiter({ buckets: githubBuckets }) })
      for (const path of ['github/search', 'github/users']) equal((await client.get(path)).status, 200)
      equal(await codeOf(() => client.get('github/search', { maxWait: 10 })), 'rate_limited')
      equal((await client.get('github/users', { maxWait: 10 })).status, 200)
    },
    async 'T9 the fields of each vendor mean what it says they mean'() {
      for (const { family, what, status = 200, headers, body = '', quota } of fixtures) {
        const read = table.find((row) => row.family === family) ?? families
        const readings = await read(new Headers(headers), status, NOW, async () => body)
        equal(readings.length, quota.length, what)
        for (const [i, expected] of quota.entries())
          for (const [name, value] of Object.entries(expected)) equal(readings[i][name], value, `${what} ${name}`)
      }
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
    async 'a refusal that comes as a 200 is waited out'() {
      const path = trace('graphql')
      const client = create({ throttled: graphqlThrottled })
      equal((await client.post(path, { json: { query: '{ a }' } }).json()).data.a, 1)
      const [first, second] = await timesOf(path)
      equal(second - first >= 290, true, `after ${second - first} ms`)
    },
    ...(inBrowser && {
      async 'a client learns from another tab that the gate is closed'() {
        // Two clients of one page speak over the same channel as two tabs do.
        const identity = trace('user')
        const [one, two] = [0, 1].map(() => create({ limiter: tabLimiter({ identity }) }))
        equal((await two.get('header')).status, 200)
        const path = trace('limited')
        const first = one.get(path)
        await until(async () => (await timesOf(path)).length === 1)
        await new Promise((resolve) => setTimeout(resolve, 100))
        equal(await codeOf(() => two.get('header', { maxWait: 1 })), 'rate_limited')
        equal((await first).status, 200)
        equal((await two.get('header')).status, 200)
      },
    }),
    async 'a circuit opens after failures, and nothing is sent'() {
      const client = create({ retry: 0, limiter: breaker({ failures: 2, openFor: 60_000 }) })
      for (let i = 0; i < 2; i++) await client.get('fails/503').catch(() => {})
      equal(await codeOf(() => client.get('echo')), 'circuit_open')
    },
  }
}
