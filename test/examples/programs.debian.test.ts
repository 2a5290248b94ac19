import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import { api } from '../servers/api.ts'
import { authorizationServer, CLIENT_ID, CLIENT_SECRET } from '../servers/authorization.ts'
import { desktop, newHome } from '../servers/keychain.ts'
import { openIdProvider } from '../servers/openid.ts'
import { redisServer } from '../servers/redis.ts'

const run = promisify(execFile)
afterEach(() => void vi.restoreAllMocks())

it('examples/service-fleet.ts: two instances share one token and one limit', async () => {
  const as = await authorizationServer()
  const redis = await redisServer()
  onTestFinished(() => redis.close())
  const LIMIT = 25
  const WINDOW = 1000
  let [ends, used, refused] = [0, 0, 0]
  const { url, seen } = await api(({ headers }) => {
    if (!as.isGood((headers.authorization ?? '').replace('Bearer ', ''))) return { status: 401 }
    if (Date.now() > ends) [ends, used] = [Date.now() + WINDOW, 0]
    used++
    const t = Math.max(1, Math.ceil((ends - Date.now()) / 1000))
    const fields = { 'ratelimit-policy': `"a";q=${LIMIT};w=1`, ratelimit: `"a";r=${Math.max(0, LIMIT - used)};t=${t}` }
    if (used > LIMIT) {
      refused++
      return { status: 429, headers: { ...fields, 'retry-after': String(t) } }
    }
    return { headers: { ...fields, 'content-type': 'application/json' }, body: '{"name":"Ada"}' }
  })
  const STORE_KEY = randomBytes(32).toString('base64')
  const env = {
    ...process.env,
    API_URL: url,
    ISSUER: as.issuer,
    CLIENT_ID,
    CLIENT_SECRET,
    REDIS_URL: redis.url,
    STORE_KEY,
  }
  const instance = () => run(process.execPath, ['examples/service-fleet.ts'], { env })
  for (const { stdout } of await Promise.all([instance(), instance()]))
    expect(stdout).toContain('20 users, the first is Ada')
  expect(as.tokenRequests).toHaveLength(1)
  expect(seen.length - refused).toBe(40)
  // A cold burst may meet the first window; after that, both count together.
  expect(refused).toBeLessThanOrEqual(8)
}, 60_000)

it('examples/cli.ts stays signed in from one run to the next, with its key in the keychain', async () => {
  const as = await openIdProvider()
  const session = await desktop(newHome(), 'unlocked')
  onTestFinished(() => session.stop())
  const { url } = await api(async ({ headers }) =>
    (await as.isActive((headers.authorization ?? '').replace('Bearer ', '')))
      ? { headers: { 'content-type': 'application/json' }, body: '{"name":"Ada"}' }
      : { status: 401 },
  )
  const env = { ...session.env, API_URL: url, ISSUER: as.issuer, CLIENT_ID: 'tv' }

  async function cli(command: string): Promise<string> {
    const program = spawn(process.execPath, ['examples/cli.ts', command], { env })
    let output = ''
    program.stderr.on('data', (chunk) => (output += chunk))
    program.stdout.on('data', async (chunk) => {
      output += chunk
      const [, code] = /type (\S+)/.exec(String(chunk)) ?? []
      if (code) await as.approve(code)
    })
    await new Promise((resolve) => program.on('exit', resolve))
    return output
  }

  expect(await cli('whoami')).toContain('Sign in first: login')
  expect(await cli('login')).toContain('You are signed in.')
  expect(await cli('whoami')).toContain('Ada')
  expect(as.posts('/device/auth')).toHaveLength(1)
  expect(await cli('logout')).toContain('You are signed out.')
  expect(await cli('whoami')).toContain('Sign in first: login')
}, 90_000)
