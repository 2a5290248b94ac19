// One of many instances of a service: all share one token and one rate limit through Redis. Start it as often as you like.
// Run: API_URL=… ISSUER=… CLIENT_ID=… CLIENT_SECRET=… REDIS_URL=… STORE_KEY=… node examples/service-fleet.ts
import { createClient } from 'latchkey'
import { clientCredentials } from 'latchkey/oauth'
import { redisStore } from 'latchkey/storage/redis'
import { redisLimiter } from 'latchkey/throttle/redis'
import { createClient as connect } from 'redis'

const { API_URL = '', ISSUER = '', CLIENT_ID = '', CLIENT_SECRET = '', REDIS_URL = '', STORE_KEY = '' } = process.env
const redis = await connect({ url: REDIS_URL }).connect()

// 32 random bytes that only the instances know, e.g. from `openssl rand -base64 32`. What is in Redis is sealed with them.
const key = new Uint8Array(Buffer.from(STORE_KEY, 'base64'))
const identity = 'billing'

const api = createClient({
  baseUrl: API_URL,
  // Whichever instance is first fetches the token; the others find it.
  auth: clientCredentials({
    issuer: ISSUER,
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    store: redisStore({ client: redis, key }),
    identity,
  }),
  // A refusal of one instance holds back all; what is left of the quota is counted once.
  limiter: redisLimiter({ client: redis, identity, secret: STORE_KEY }),
})

const ids = Array.from({ length: 20 }, (_, index) => index + 1)
const users = await Promise.all(ids.map((id) => api.get(`users/${id}`).json<{ name: string }>()))
console.log(`${users.length} users, the first is ${users[0]?.name}`)
await redis.close()
