// A batch of calls at once against a server in a process of its own that limits them: time over the least it allows, refusals per
// success, calls given up. Nobody is told the limit but bottleneck.
import { Octokit } from '@octokit/core'
import { throttling } from '@octokit/plugin-throttling'
import axios from 'axios'
import axiosRetry from 'axios-retry'
import Bottleneck from 'bottleneck'
import ky from 'ky'
import { createFetch } from '../dist/fetch.js'
import { apiKey, createClient } from '../dist/index.js'
import { median } from './compare.mjs'
import { idealOf, LIMITS, served } from './limited-server.mjs'

const CALLS = 400
const LATENCY = 20

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
    const ideal = idealOf(name, CALLS)
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

await main()
