// One process of a fleet: sends its part of the calls at once, and says how each ended.
import { createClient as connect } from 'redis'
import { apiKey, type ClientEvent, createClient } from '../../dist/index.js'
import { redisLimiter } from '../../dist/throttle/redis/redis.js'

const [origin = '', redisUrl = '', calls = ''] = process.argv.slice(2)
const client = connect({ url: redisUrl, socket: { reconnectStrategy: 50 } })
client.on('error', () => {})
await client.connect()
const api = createClient({
  baseUrl: origin,
  auth: apiKey({ name: 'X-API-Key', value: 'the key of the fleet' }),
  limiter: redisLimiter({ client, identity: 'fleet', onAway: (away) => console.error(process.pid, 'away', away, performance.now()) }),
  onEvent: (event: ClientEvent) => {
    if (event.type === 'response' && event.status === 429) refused++
  },
})
let refused = 0
process.send?.('ready')
process.once('message', async () => {
  const one = () => api.get('').then(({ status }) => `${status}`, (error: Error) => error.name)
  const outcomes = await Promise.all(Array.from({ length: Number(calls) }, one))
  process.send?.({ outcomes, refused, limits: api.limits() })
  client.destroy()
  process.disconnect()
})
