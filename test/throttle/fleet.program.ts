// One process of a fleet: sends its part of the calls at once, and says how each ended.
import { createClient as connect } from 'redis'
import { apiKey, type ClientEvent, createClient } from '../../dist/index.js'
import { redisLimiter } from '../../dist/throttle/redis/redis.js'

const [origin = '', redisUrl = '', calls = '', timeout = '10000', concurrent = '0'] = process.argv.slice(2)
const client = connect({ url: redisUrl, socket: { reconnectStrategy: 50 } })
client.on('error', () => {})
await client.connect()
let refused = 0
const api = createClient({
  baseUrl: origin,
  auth: apiKey({ name: 'X-API-Key', value: 'the key of the fleet' }),
  timeout: Number(timeout),
  limiter: redisLimiter({
    client,
    identity: 'fleet',
    ...(concurrent !== '0' && { limits: [{ concurrent: Number(concurrent) }] }),
  }),
  onEvent: (event: ClientEvent) => {
    if (event.type === 'response' && event.status === 429) refused++
  },
})
const one = () =>
  api.get('').then(
    () => 'ok',
    (error: Error) => error.name,
  )
process.once('message', async () => {
  const outcomes = await Promise.all(Array.from({ length: Number(calls) }, one))
  process.send?.({ outcomes, refused })
  client.destroy()
  process.disconnect()
})
process.send?.('ready')
