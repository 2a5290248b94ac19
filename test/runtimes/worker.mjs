// One client for all requests of a worker, as people write it: what one request starts, another may be waiting for.
import { apiKey, createClient } from 'latchkey'
import { suite } from './suite.mjs'

let shared

export default {
  async fetch(request, env) {
    const url = new URL(request.url)
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
