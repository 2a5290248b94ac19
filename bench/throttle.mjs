// A batch of calls at once against a server in a process of its own that limits them: time over the least it allows, refusals per
// success, calls given up. Nobody is told the limit but bottleneck.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Octokit } from '@octokit/core'
import { throttling } from '@octokit/plugin-throttling'
import axios from 'axios'
import axiosRetry from 'axios-retry'
import Bottleneck from 'bottleneck'
import ky from 'ky'
import { createFetch } from '../dist/fetch.js'
import { apiKey, createClient } from '../dist/index.js'
import { median } from './compare.mjs'

const CALLS = 400
const LATENCY = 20

// ---- the server ----

function serve(name, latency) {
  const limit = LIMITS[name]?.()
  const counts = { ok: 0, refused: 0, most: 0 }
  let inFlight = 0
  const server = createServer((_, response) => {
    counts.most = Math.max(counts.most, ++inFlight)
    const { ok, headers } = limit?.(performance.now()) ?? { ok: true }
    const answer = () => {
      inFlight--
      counts[ok ? 'ok' : 'refused']++
      response.writeHead(ok ? 200 : 429, headers).end('{}')
    }
    if (latency) setTimeout(answer, latency)
    else answer()
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
  process.on('message', () => process.send(counts))
  process.on('disconnect', () => process.exit())
}

function bucket(perSecond, burst, tell) {
  let tokens = burst
  let last
  return (now) => {
    tokens = Math.min(burst, tokens + ((now - (last ?? now)) * perSecond) / 1000)
    last = now
    const ok = tokens >= 1
    if (ok) tokens--
    const more = (Math.max(0, 1 - tokens) / perSecond).toFixed(3)
    return { ok, headers: tell(ok, burst, Math.floor(tokens), more) }
  }
}

function fixedWindow(limit, length, tell) {
  let ends = 0
  let used = 0
  return (now) => {
    if (now >= ends) {
      ends = now + length
      used = 0
    }
    const ok = used < limit
    if (ok) used++
    return { ok, headers: tell(ok, limit, limit - used, String(Math.ceil((ends - now) / 1000))) }
  }
}

const bare = () => ({})
const fields = (ok, limit, remaining, reset) => ({
  'x-ratelimit-limit': String(limit),
  'x-ratelimit-remaining': String(remaining),
  'x-ratelimit-reset': reset,
  ...(!ok && { 'retry-after': reset }),
})
/** As a server sends it that knows whole seconds only. */
const wholeSeconds = (ok, limit, remaining, reset) => fields(ok, limit, remaining, String(Math.ceil(reset)))
/** The current form of the IETF. */
const structured = (ok, limit, remaining, reset) => ({
  'ratelimit-policy': `"default";q=${limit};w=2`,
  ratelimit: `"default";r=${remaining};t=${reset}`,
  ...(!ok && { 'retry-after': reset }),
})

// What each allows at the best: the last call of 400 leaves then.
const LIMITS = {
  'bucket 50/s, burst 10, headers': () => bucket(50, 10, fields),
  'bucket 50/s, burst 10, headers in whole seconds': () => bucket(50, 10, wholeSeconds),
  'window 100 per 2 s, headers': () => fixedWindow(100, 2000, fields),
  'window 100 per 2 s, RateLimit': () => fixedWindow(100, 2000, structured),
  'bucket 50/s, burst 10, bare 429': () => bucket(50, 10, bare),
  'window 100 per 2 s, bare 429': () => fixedWindow(100, 2000, bare),
}

// ---- the clients ----

function clients(origin) {
  const auth = apiKey({ name: 'X-API-Key', value: 'key' })
  return {
    latchkey: () => {
      const client = createClient({ baseUrl: origin, auth })
      return () => client.get('')
    },
    ky: () => {
      const client = ky.create({ headers: { 'X-API-Key': 'key' }, retry: { limit: 10 } })
      return () => client.get(origin)
    },
    'axios-retry': () => {
      const client = axios.create({ headers: { 'X-API-Key': 'key' } })
      const retryCondition = ({ response }) => response?.status === 429
      axiosRetry(client, { retries: 10, retryCondition, retryDelay: axiosRetry.exponentialDelay })
      return () => client.get(origin)
    },
    '@octokit/plugin-throttling': () => {
      const retry = (_after, _options, _octokit, count) => count < 10
      const octokit = new (Octokit.plugin(throttling))({
        baseUrl: origin,
        log: { debug() {}, info() {}, warn() {}, error() {} },
        throttle: { onRateLimit: retry, onSecondaryRateLimit: retry },
      })
      return () => octokit.request('GET /')
    },
    'bottleneck, told the limit': (name) => {
      const limiter = new Bottleneck(
        name.startsWith('bucket')
          ? { minTime: 20 }
          : { reservoir: 100, reservoirRefreshAmount: 100, reservoirRefreshInterval: 2000 },
      )
      const once = async () => {
        const response = await fetch(origin, { headers: { 'X-API-Key': 'key' } })
        if (!response.ok) throw new Error(String(response.status))
        await response.text()
      }
      limiter.on('failed', (error, { retryCount }) => (error.message === '429' && retryCount < 10 ? 250 : undefined))
      return () => limiter.schedule(once)
    },
  }
}

async function main() {
  const only = process.env.ONLY
  for (const name in LIMITS) {
    const ideal = name.startsWith('bucket') ? ((CALLS - 10) / 50) * 1000 : (CALLS / 100 - 1) * 2000
    console.log(`\n${CALLS} calls at once, ${LATENCY} ms: ${name} (at best ${((ideal + LATENCY) / 1000).toFixed(2)} s)`)
    const aim = name.includes('bare') ? '≤ 1.25, ≤ 0.12, 0' : name.includes('whole') ? 'none' : '≤ 1.05, ≤ 0.02, 0'
    for (const client of Object.keys(clients('http://x'))) {
      if (only && !client.includes(only)) continue
      if (name.includes('RateLimit') && client !== 'latchkey') continue
      const { time, ok, refused } = await batch(name, client)
      const figures = [time / (ideal + LATENCY), refused / ok].map((figure) => figure.toFixed(2))
      console.log(
        `  ${client.padEnd(28)} time ${figures[0].padStart(5)}  429s ${(refused / ok).toFixed(3).padStart(6)}  given up ${String(CALLS - ok).padStart(3)}${client === 'latchkey' ? `  (aim: ${aim})` : ''}`,
      )
    }
  }
  await unlimited()
}

/** A new server and a new client, so that nobody knows anything. */
async function batch(name, client) {
  const server = await served(name, LATENCY)
  try {
    const call = clients(server.origin)[client](name)
    return { time: await timed(call, CALLS, client), ...(await server.counts()) }
  } finally {
    server.stop()
  }
}

async function served(name, latency) {
  const server = fork(new URL(import.meta.url), ['serve', name, String(latency)])
  const [{ port }] = await once(server, 'message')
  return {
    origin: `http://127.0.0.1:${port}/`,
    stop: () => server.disconnect(),
    async counts() {
      const counted = once(server, 'message')
      server.send('counts')
      return (await counted)[0]
    },
  }
}

/** Milliseconds until all are answered or given up. */
async function timed(call, calls, client) {
  const start = performance.now()
  let done = 0
  const one = async () => {
    await call()
      .then((response) => response.text?.())
      .catch(() => {})
    done++
  }
  const progress = setInterval(() => show(`  ${client}: ${done} of ${calls}`), 500)
  await Promise.race([
    Promise.all(Array.from({ length: calls }, one)),
    new Promise((end) => setTimeout(end, 120_000).unref()),
  ])
  clearInterval(progress)
  show('')
  return performance.now() - start
}

function show(text) {
  if (process.stdout.isTTY) process.stdout.write(`\r${text.padEnd(70)}\r`)
}

// ---- caution must not cost those who need none ----

/** By turns on one server, each round with new clients. A round trip is what 40 calls at once take of ky, the machine's part included. */
async function unlimited() {
  const auth = apiKey({ name: 'X-API-Key', value: 'key' })
  const headers = { 'X-API-Key': 'key' }
  const faces = {
    'one round trip': (origin) => clients(origin).ky(),
    ky: (origin) => clients(origin).ky(),
    latchkey: (origin) => clients(origin).latchkey(),
    "latchkey, limits: 'none'": (origin) => {
      const client = createClient({ baseUrl: origin, auth, limits: 'none' })
      return () => client.get('')
    },
    createFetch: (origin) => {
      const fetch = createFetch({ baseUrl: origin, auth })
      return () => fetch(origin)
    },
    "createFetch, limits: 'none'": (origin) => {
      const fetch = createFetch({ baseUrl: origin, auth, limits: 'none' })
      return () => fetch(origin)
    },
    fetch: (origin) => () => fetch(origin, { headers }),
  }
  for (const latency of [0, 20, 50]) {
    console.log(`\n${CALLS} calls at once, ${latency} ms, no limit`)
    const server = await served('', latency)
    const times = Object.fromEntries(Object.keys(faces).map((name) => [name, []]))
    for (let round = -2; round < 15; round++)
      for (const name in faces) {
        const time = await timed(faces[name](server.origin), name === 'one round trip' ? 40 : CALLS, name)
        if (round >= 0) times[name].push(time)
      }
    server.stop()
    const medians = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]))
    for (const name in faces) {
      const trips = medians[name] / medians['one round trip']
      const careful = name === 'latchkey' || name === 'createFetch'
      const aim =
        latency && careful
          ? `at most ${Math.ceil(CALLS / 40) + 1} round trips`
          : /latchkey|create/.test(name)
            ? 'at most 1.10 × ky'
            : ''
      console.log(
        `  ${name.padEnd(28)} ${medians[name].toFixed(0).padStart(4)} ms  ${(medians[name] / medians.ky).toFixed(2)} × ky  ${trips.toFixed(1).padStart(4)} round trips${aim && `  (aim: ${aim})`}`,
      )
    }
  }
}

if (process.argv[2] === 'serve') await serve(process.argv[3], Number(process.argv[4]))
else await main()
