// 400 calls of four processes on one key, at once, against a server that limits the key; they share what they know through Redis.
// Needs redis-server.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { median } from './compare.mjs'
import { idealOf, LIMITS, served } from './limited-server.mjs'

const CALLS = 400
const PROCESSES = 4
const LATENCY = 20
const ROUNDS = Number(process.env.ROUNDS ?? 3)

console.log(
  `${CALLS} calls at once, ${PROCESSES} processes on one key, ${LATENCY} ms, ${ROUNDS} rounds (aim: ≤ 1.10, ≤ 0.02, 0)`,
)
for (const name in LIMITS) {
  if (!name.includes(process.env.ONLY ?? '')) continue
  const rounds = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(await batch(name))
  const time = median(rounds.map((one) => one.time / (idealOf(name, CALLS) + LATENCY)))
  const refused = median(rounds.map((one) => one.refused / one.ok))
  const givenUp = Math.max(...rounds.map(({ ok }) => CALLS - ok))
  console.log(`  ${name.padEnd(48)} time ${time.toFixed(2)}  429s ${refused.toFixed(3)}  given up ${givenUp}`)
}

/** New servers and new processes, so that nobody knows anything. */
async function batch(name) {
  const server = await served(name, LATENCY)
  const port = await freePort()
  const redis = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', ''], { stdio: 'ignore' })
  try {
    const program = new URL('../test/throttle/fleet.program.ts', import.meta.url)
    const part = `${CALLS / PROCESSES}`
    const members = Array.from({ length: PROCESSES }, () =>
      fork(program, [server.origin, `redis://127.0.0.1:${port}`, part]),
    )
    await Promise.all(members.map((member) => once(member, 'message')))
    const start = performance.now()
    for (const member of members) member.send('go')
    await Promise.all(members.map((member) => once(member, 'message')))
    return { time: performance.now() - start, ...(await server.counts()) }
  } finally {
    redis.kill()
    server.stop()
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  return port
}
