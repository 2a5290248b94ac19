// One client for all requests of a worker, as people write it: what one request starts, another may be waiting for.
import { apiKey, createClient, memoryStore } from 'latchkey'
import { digest } from 'latchkey/auth/digest'
import { sigv4 } from 'latchkey/aws'
import { clientCredentials, deviceCode } from 'latchkey/oauth'
import { suite } from './suite.mjs'

// While a worker is loaded it may neither ask, nor wait, nor draw a random number: all of it can be made then.
const issuer = 'https://login.example.com'
const made = [
  digest({ username: 'ada', password: 'secret' }),
  sigv4({ service: 's3', region: 'eu-west-1', credentials: { accessKeyId: 'id', secretAccessKey: 'secret' } }),
  clientCredentials({ issuer, clientId: 'id', clientSecret: 'secret', store: memoryStore() }),
  deviceCode({ issuer, clientId: 'id', prompt() {}, dpop: true, store: memoryStore() }),
].map((auth) => createClient({ baseUrl: 'https://api.example.com', auth }))

let shared

export default {
  async fetch(request, env) {
    const url = new URL(request.url)
    if (made.length !== 4) throw new Error('not all was made')
    if (url.pathname === '/suite') return Response.json(await suite(env.BASE, 'workerd'))
    shared ??= createClient({
      baseUrl: env.BASE,
      auth: apiKey({ name: 'X-API-Key', value: 'key' }),
      limits: [{ concurrent: 2 }],
      timeout: 2000,
      retry: { limit: 1 },
    })
    const outcome = await shared.get(url.pathname.slice(1)).then(
      ({ status }) => status,
      (error) => error.name,
    )
    return Response.json(outcome)
  },
}
