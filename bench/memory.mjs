// What is left of 10^5 scopes and 10^6 calls: the heap after a full collection, every tenth of the way. It must not grow.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createFetch } from '../dist/fetch.js'
import { apiKey, createLimiter } from '../dist/index.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

const SCOPES = 100_000
const TENTHS = 10

/** By the limiter alone, each scope told of its quota, one in a hundred refused. */
function limiter() {
  const { run, limits } = createLimiter()
  const told = { 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '50', 'x-ratelimit-reset': '1' }
  const call = (i) => ({
    ...{ scope: `scope ${i % SCOPES}`, method: 'GET', url: 'https://a.example/', attempt: 1, order: i, maxWait: 0 },
    ...{ signal: new AbortController().signal, deadlineAt: Number.POSITIVE_INFINITY, timeout: 1000, waiting() {} },
  })
  const send = (i) => async () => new Response(null, i % 100 ? { headers: told } : { status: 429 })
  return { one: (i) => run(call(i), send(i)).catch(() => {}), scopes: () => limits().length }
}

/** By the whole pipeline, with a signal that lives as long as the process. */
function pipeline() {
  const { signal } = new AbortController()
  const auth = apiKey({ name: 'X-Key', value: 'key' })
  const fetch = createFetch({ auth, origins: ['https://a.example'], fetch: async () => new Response('ok') })
  const one = async (i) => {
    // Another user each time.
    const own = i % 10 ? {} : { auth: apiKey({ name: 'X-Key', value: `key ${i}` }) }
    await (await fetch('https://a.example/', { signal, ...own })).text()
  }
  return { one, scopes: () => '' }
}

for (const [name, { one, scopes }, calls] of [
  ['the limiter', limiter(), 1_000_000],
  ['the whole pipeline', pipeline(), 200_000],
]) {
  const heap = []
  const start = performance.now()
  for (let i = 0; i < calls; i++) {
    await one(i)
    if ((i + 1) % (calls / TENTHS) === 0) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      collect()
      heap.push(process.memoryUsage().heapUsed / 1e6)
    }
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(0)
  console.log(`\n${name}: ${calls} calls in ${seconds} s; ${scopes()} scopes known at the end`)
  console.log(`  heap in MB: ${heap.map((size) => size.toFixed(1)).join(' ')}`)
}
