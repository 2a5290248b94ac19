// A batch of calls at once against a server in a process of its own that limits them: time over the least it allows, refusals per
// success, calls given up. Nobody is told the limit but bottleneck.
import { fork } from 'node:child_process'
import { once } from 'node:events'
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

if (process.send) serve()
else await main()

// ---- the server ----

async function serve() {
  const { createServer } = await import('node:http')
  const latency = Number(process.argv[3])
  const limit = LIMITS[process.argv[2]]?.()
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
var LIMITS = {
  'bucket 50/s, burst 10, headers': () => bucket(50, 10, fields),
  'bucket 50/s, burst 10, headers in whole seconds': () => bucket(50, 10, wholeSeconds),
  'window 100 per 2 s, headers': () => fixedWindow(100, 2000, fields),
  'window 100 per 2 s, RateLimit': () => fixedWindow(100, 2000, structured),
  'bucket 50/s, burst 10, bare 429': () => bucket(50, 10, bare),
  'window 100 per 2 s, bare 429': () => fixedWindow(100, 2000, bare),
}

// ---- the clients ----

function clients(origin, limits) {
  const auth = apiKey({ name: 'X-API-Key', value: 'key' })
  return {
    latchkey: () => {
      const client = createClient({ baseUrl: origin, auth, limits: limits ?? [] })
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
          ? { reservoir: 10, reservoirIncreaseAmount: 10, reservoirIncreaseInterval: 250, reservoirIncreaseMaximum: 10, minTime: 0 }
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
async function batch(name, client, { latency = LATENCY, limits, rounds = 1, face } = {}) {
  const server = fork(new URL(import.meta.url), [name, String(latency)])
  try {
    const [{ port }] = await once(server, 'message')
    const origin = `http://127.0.0.1:${port}/`
    const times = []
    for (let round = 0; round < rounds; round++) {
      const call = face?.(origin) ?? clients(origin, limits)[client](name)
      const start = performance.now()
      let done = 0
      const progress = setInterval(() => show(`  ${client}: ${done}/${CALLS} after ${Math.round((performance.now() - start) / 1000)} s`), 1000)
      const one = () => call().then((response) => response.text?.()).then(() => done++, () => done++)
      await Promise.race([
        Promise.all(Array.from({ length: CALLS }, one)),
        new Promise((resolve) => setTimeout(resolve, 120_000).unref()),
      ])
      clearInterval(progress)
      show('')
      times.push(performance.now() - start)
    }
    const counted = once(server, 'message')
    server.send('counts')
    const [counts] = await counted
    return { time: median(times), times, ...counts }
  } finally {
    server.disconnect()
  }
}

function show(text) {
  if (process.stdout.isTTY) process.stdout.write(`\r${text.padEnd(70)}\r`)
}

// ---- caution must not cost those who need none ----

async function unlimited() {
  console.log(`\n${CALLS} calls at once, no limit`)
  const rounds = 15
  const auth = apiKey({ name: 'X-API-Key', value: 'key' })
  for (const latency of [0, 20, 50]) {
    const measured = {}
    for (const [name, face] of Object.entries({
      ky: (origin) => {
        const client = ky.create({ headers: { 'X-API-Key': 'key' } })
        return () => client.get(origin)
      },
      latchkey: (origin) => {
        const client = createClient({ baseUrl: origin, auth })
        return () => client.get('')
      },
      'latchkey, createFetch': (origin) => {
        const fetch = createFetch({ baseUrl: origin, auth })
        return () => fetch(origin)
      },
      "latchkey, limits: 'none'": (origin) => {
        const client = createClient({ baseUrl: origin, auth, limits: 'none' })
        return () => client.get('')
      },
    })) {
      const { times, most } = await batch('', name, { latency, rounds: rounds + 2, face })
      measured[name] = median(times.slice(2))
      const trips = latency ? `  ${(measured[name] / (latency + 1)).toFixed(1)} round trips` : ''
      const aim = name === 'ky' ? '' : latency && !name.includes('none') ? `  (aim: at most ${Math.ceil(CALLS / 40) + 1})` : '  (aim: at most 1.10 × ky)'
      console.log(
        `  ${String(latency).padStart(2)} ms  ${name.padEnd(26)} ${measured[name].toFixed(0).padStart(4)} ms  ${(measured[name] / measured.ky).toFixed(2)} × ky${trips}  at most ${most} in flight${aim}`,
      )
    }
  }
}
