// Servers that limit, each in a process of its own, and what a batch takes of them at the best.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'

export async function served(name, latency) {
  const server = fork(new URL(import.meta.url), [name, String(latency)])
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

export const LIMITS = {
  'bucket 50/s, burst 10, headers': () => bucket(50, 10, fields),
  'bucket 50/s, burst 10, headers in whole seconds': () => bucket(50, 10, wholeSeconds),
  'window 100 per 2 s, headers': () => fixedWindow(100, 2000, fields),
  'window 100 per 2 s, RateLimit': () => fixedWindow(100, 2000, structured),
  'bucket 50/s, burst 10, bare 429': () => bucket(50, 10, bare),
  'window 100 per 2 s, bare 429': () => fixedWindow(100, 2000, bare),
}

/** Milliseconds until the last of so many calls may leave. */
export function idealOf(name, calls) {
  return name.startsWith('bucket') ? ((calls - 10) / 50) * 1000 : (calls / 100 - 1) * 2000
}

if (process.argv[1] === import.meta.filename) serve(process.argv[2], Number(process.argv[3]))
