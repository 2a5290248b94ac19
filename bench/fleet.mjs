// 400 calls of four processes on one key, at once, against a server that limits the key; they share what they know through Redis.
// Needs redis-server.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'

const CALLS = 400
const PROCESSES = 4
const LATENCY = 20

const fields = (ok, limit, remaining, reset) => ({
  'x-ratelimit-limit': `${limit}`,
  'x-ratelimit-remaining': `${remaining}`,
  'x-ratelimit-reset': `${reset}`,
  ...(!ok && { 'retry-after': `${reset}` }),
})

function bucket(perSecond, burst) {
  let tokens = burst
  let last
  return (now) => {
    tokens = Math.min(burst, tokens + ((now - (last ?? now)) * perSecond) / 1000)
    last = now
    const ok = tokens >= 1
    if (ok) tokens--
    return { ok, headers: fields(ok, burst, Math.floor(tokens), (Math.max(0, 1 - tokens) / perSecond).toFixed(3)) }
  }
}

function fixedWindow(limit, length) {
  let [ends, used] = [0, 0]
  return (now) => {
    if (now >= ends) [ends, used] = [now + length, 0]
    const ok = used < limit
    if (ok) used++
    return { ok, headers: fields(ok, limit, limit - used, Math.ceil((ends - now) / 1000)) }
  }
}

const bare = (limit) => (now) => ({ ok: limit(now).ok, headers: {} })

const limits = {
  'bucket 50/s, burst 10, headers': { limit: bucket(50, 10), ideal: ((CALLS - 10) / 50) * 1000 },
  'window 100 per 2 s, headers': { limit: fixedWindow(100, 2000), ideal: (CALLS / 100 - 1) * 2000 },
  'bucket 50/s, burst 10, bare 429': { limit: bare(bucket(50, 10)), ideal: ((CALLS - 10) / 50) * 1000 },
  'window 100 per 2 s, bare 429': { limit: bare(fixedWindow(100, 2000)), ideal: (CALLS / 100 - 1) * 2000 },
}

console.log(`${CALLS} calls at once, ${PROCESSES} processes on one key, ${LATENCY} ms (aim: ≤ 1.10, ≤ 0.02, 0)`)
for (const [name, { limit, ideal }] of Object.entries(limits)) {
  const counts = { ok: 0, refused: 0 }
  const server = createServer((_, response) => {
    const { ok, headers } = limit(performance.now())
    counts[ok ? 'ok' : 'refused']++
    setTimeout(() => response.writeHead(ok ? 200 : 429, headers).end('{}'), LATENCY)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  const redis = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', ''], { stdio: 'ignore' })
  try {
    const program = new URL('../test/throttle/fleet.program.ts', import.meta.url)
    const origin = `http://127.0.0.1:${server.address().port}/`
    const members = Array.from({ length: PROCESSES }, () =>
      fork(program, [origin, `redis://127.0.0.1:${port}`, `${CALLS / PROCESSES}`]),
    )
    await Promise.all(members.map((member) => once(member, 'message')))
    const start = performance.now()
    for (const member of members) member.send('go')
    await Promise.all(members.map((member) => once(member, 'message')))
    const time = (performance.now() - start) / (ideal + LATENCY)
    console.log(
      `  ${name.padEnd(32)} time ${time.toFixed(2)}  429s ${(counts.refused / counts.ok).toFixed(3)}  given up ${CALLS - counts.ok}`,
    )
  } finally {
    redis.kill()
    server.closeAllConnections()
    server.close()
  }
}
