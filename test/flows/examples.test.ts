import { execFile, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import aws4 from 'aws4'
import { expect, it, onTestFinished, vi } from 'vitest'
import { backEnd } from '../../examples/cookie-session.ts'
import { api } from '../servers/api.ts'
import { authorizationServer, CLIENT_ID, CLIENT_SECRET } from '../servers/authorization.ts'
import { openIdProvider } from '../servers/openid.ts'

const run = promisify(execFile)
const basic = `Basic ${btoa('me:pass')}`

/** What the API demands of each example, by its name. */
const demands: Record<string, (request: Awaited<ReturnType<typeof api>>['seen'][0]) => boolean> = {
  'api-key': ({ headers }) => headers['x-api-key'] === 'key',
  basic: ({ headers }) => headers.authorization === basic,
  bearer: ({ headers }) => headers.authorization === 'Bearer token',
  hmac: ({ headers, method, url, body }) => {
    const mac = createHmac('sha256', 'secret').update(`${headers['x-timestamp']}${method}${url}${body}`).digest('hex')
    return headers['x-key'] === 'id' && headers['x-signature'] === mac
  },
  // Signed again by a library that nobody here wrote, from what came over the wire.
  aws: ({ headers, method, url, body }) => {
    const names = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1]?.split(';') ?? []
    const covered = Object.fromEntries(names.map((name) => [name, String(headers[name])]))
    const options = {
      service: 'execute-api',
      region: 'eu-west-1',
      method,
      path: url,
      host: headers.host,
      headers: covered,
      body,
      extraHeadersToIgnore: { 'content-length': true },
    }
    const signed = aws4.sign(options as never, { accessKeyId: 'id', secretAccessKey: 'secret' }).headers as Record<
      string,
      string
    >
    return signed.Authorization === headers.authorization
  },
  'two-credentials': ({ headers }) => headers['x-api-key'] === 'key' && headers.authorization === 'Bearer token',
  'other-client': ({ headers }) => headers['x-api-key'] === 'key',
}

it.each(Object.keys(demands))('examples/%s.ts does what it says', async (name) => {
  const demand = demands[name] as (typeof demands)[string]
  const { url, seen } = await api((request) =>
    demand(request)
      ? { headers: { 'content-type': 'application/json' }, body: '{"id":1,"name":"Ada"}' }
      : { status: 401, body: 'no' },
  )
  const env = {
    ...process.env,
    API_URL: url,
    API_KEY: 'key',
    API_USER: 'me',
    API_PASSWORD: 'pass',
    API_TOKEN: 'token',
    KEY_ID: 'id',
    KEY_SECRET: 'secret',
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
  }
  const { stdout, stderr } = await run(process.execPath, [`examples/${name}.ts`], { env })
  expect(stderr.replaceAll(/.*ExperimentalWarning.*|.*trace-warnings.*/g, '').trim()).toBe('')
  expect(stdout).toContain(name === 'hmac' ? 'id: 1' : 'Ada')
  expect(seen).toHaveLength(1)
})

it('examples/service.ts gets its own token', async () => {
  const as = await authorizationServer()
  const { url } = await api(({ headers }) =>
    as.isGood((headers.authorization ?? '').replace('Bearer ', ''))
      ? { headers: { 'content-type': 'application/json' }, body: '{"name":"Ada"}' }
      : { status: 401 },
  )
  const env = { ...process.env, API_URL: url, ISSUER: as.issuer, CLIENT_ID, CLIENT_SECRET }
  expect((await run(process.execPath, ['examples/service.ts'], { env })).stdout).toContain('Ada')
})

it.each(['device-login', 'loopback-login'])('examples/%s.ts signs the user in', async (name) => {
  const as = await openIdProvider()
  const { url, seen } = await api(async ({ headers }) =>
    (await as.isActive((headers.authorization ?? '').replace('Bearer ', '')))
      ? { headers: { 'content-type': 'application/json' }, body: '{"name":"Ada"}' }
      : { status: 401 },
  )
  const env = { ...process.env, API_URL: url, ISSUER: as.issuer, CLIENT_ID: name === 'device-login' ? 'tv' : 'app' }
  const program = spawn(process.execPath, [`examples/${name}.ts`], { env })
  let output = ''
  program.stdout.on('data', async (chunk) => {
    output += chunk
    const [, code] = /type (\S+)/.exec(String(chunk)) ?? []
    const [, place] = /Open (\S+)\n/.exec(String(chunk)) ?? []
    if (code) await as.approve(code)
    else if (place) await fetch(await as.visit(place))
  })
  expect(await new Promise((resolve) => program.on('exit', resolve))).toBe(0)
  expect(output).toContain('Ada')
  expect(seen).toHaveLength(1)
  expect(as.posts('/token/revocation')).toHaveLength(1)
})

it('examples/cookie-session.ts proves the page by a header', async () => {
  const { url, seen } = await api()
  vi.stubGlobal('document', { cookie: 'XSRF-TOKEN=proof' })
  onTestFinished(() => void vi.unstubAllGlobals())
  await backEnd(url).post('orders', { json: {} })
  expect(seen[0]?.headers['x-xsrf-token']).toBe('proof')
})

it('the README names every example, and every example it names exists', () => {
  const readme = readFileSync('README.md', 'utf8')
  const named = [...readme.matchAll(/\(examples\/([\w-]+)\.ts\)/g)].map((match) => match[1])
  const files = globSync('examples/*.ts').map((file) => file.replaceAll('\\', '/').slice(9, -3))
  expect(named.sort()).toEqual(files.sort())
})
