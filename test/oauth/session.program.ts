// Run by the session tests in processes of their own: one session in a shared store, used as it is told, with what happened as JSON lines.
import { createInterface } from 'node:readline'
import { createClient } from '../../src/index.ts'
import { refreshToken } from '../../src/oauth/oauth.ts'
import { sqliteStore } from '../../src/storage/sqlite/sqlite.ts'
import type { CredentialStore, Fetch } from '../../src/types.ts'

interface Told {
  task: keyof typeof tasks
  store: { kind: 'sqlite' | 'redis'; target: string }
  issuer: string
  clientId: string
  refreshToken: string
  api: string
  scope?: string
  resource?: string
  /** How many requests, rounds or milliseconds. */
  count: number
  dieAt?: Step
  /** What happens there. Default: SIGKILL. */
  signal?: 'SIGSTOP'
}
export type Step = 'before-intent' | 'before-post' | 'after-post' | 'after-headers' | 'after-journal' | 'after-commit'

const told = JSON.parse(process.argv[2] as string) as Told
const { issuer, clientId, scope, resource } = told
const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`)
const pause = (duration: number) => new Promise((resolve) => setTimeout(resolve, duration))
const context = { origin: told.api, signal: new AbortController().signal, now: Date.now, report: say }
let armed = false
let puts = 0

function die(step: Step): void {
  if (armed && told.dieAt === step) process.kill(process.pid, told.signal ?? 'SIGKILL')
}

const opened = await {
  sqlite: async () => sqliteStore({ path: told.store.target }),
  async redis() {
    const [redis, { redisStore }] = await Promise.all([import('redis'), import('../../src/storage/redis/redis.ts')])
    const client = await redis.createClient({ url: told.store.target }).connect()
    return redisStore({ client, key: new Uint8Array(32).fill(9) })
  },
}[told.store.kind]()
const store: CredentialStore = {
  ...opened,
  async put(...args) {
    if (armed) puts++
    if (puts === 1) die('before-intent')
    const result = await opened.put(...args)
    if (puts === 2) die('after-journal')
    if (puts === 3) die('after-commit')
    return result
  },
}
const transport: Fetch = async (input, init) => {
  const spends = init?.method === 'POST'
  if (spends) die('before-post')
  if (spends && armed && told.dieAt === 'after-post') setTimeout(() => die('after-post'), 150)
  const response = await fetch(input, init)
  if (spends) die('after-headers')
  return response
}
const login = refreshToken({
  issuer,
  clientId,
  refreshToken: told.refreshToken,
  store,
  fetch: transport,
  ...(scope && { scope }),
  ...(resource && { resource }),
})
const client = createClient({ baseUrl: told.api, auth: login, timeout: false, retry: 0, onEvent: (event) => event.type === 'session_ended' && say(event) }) // biome-ignore format: one line

async function request(): Promise<string | undefined> {
  try {
    await client.get('api').text()
  } catch (error) {
    return String((error as { code?: string }).code ?? error)
  }
}

const tasks = {
  /** Does what each line of its input says: a task, and its count. */
  async orders() {
    say('ready')
    for await (const line of createInterface(process.stdin)) {
      const [task, count] = line.split(' ') as [keyof typeof tasks, string]
      await tasks[task](Number(count))
    }
  },
  /** Uses the session as many times at once. */
  async burst(count: number) {
    const failed = await Promise.all(Array.from({ length: count }, request))
    say({ failed: failed.filter(Boolean) })
  },
  /** Renews in rounds, each when the token of the round before is refused. */
  async rounds(count: number) {
    for (let round = 0; round < count; round++) {
      const token = await login.token(context)
      await pause(Math.random() * 5)
      await login.renew?.(token, [], context)
    }
    say({ rounds: count })
  },
  async soak(count: number) {
    const end = Date.now() + count
    let [good, bad] = [0, 0]
    const errors = new Set<string>()
    while (Date.now() < end) {
      const error = await request()
      if (error) errors.add(error)
      if (error) bad++
      else good++
      await pause(20 + Math.random() * 20)
    }
    say({ good, bad, errors: [...errors] })
  },
  /** Renews, and dies on the way. */
  async renew() {
    const token = await login.token(context)
    say({ token: token.value.use((text) => text) })
    armed = true
    await login.renew?.(token, [], context)
    die('after-commit')
    say('alive')
  },
  /** Comes after the one who died. */
  async succeed() {
    const token = await login.token(context)
    const outcome = await login.renew?.(token, [], context).catch(({ code, reason }) => ({ code, reason }))
    const after = await login.token(context)
    const text = (t: typeof token) => t.value.use((value) => value)
    say({ first: text(token), outcome, after: text(after) })
  },
}
await tasks[told.task](told.count)
process.exit(0)
