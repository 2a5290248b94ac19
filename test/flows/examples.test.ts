import { execFile } from 'node:child_process'
import { createHash, createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import aws4 from 'aws4'
import { createSigner, createVerifier, httpbis } from 'http-message-signatures'
import { jwtVerify } from 'jose'
import { expect, it, onTestFinished, vi } from 'vitest'
import { backEnd } from '../../examples/cookie-session.ts'
import worker from '../../examples/worker.ts'
import { api } from '../servers/api.ts'
import { authorizationServer, CLIENT_ID, CLIENT_SECRET } from '../servers/authorization.ts'
import { digestServer } from '../servers/digest.ts'

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
  'openapi-fetch': ({ headers }) => headers['x-api-key'] === 'key',
  'tanstack-query': ({ headers }) => headers['x-api-key'] === 'key',
  graphql: ({ headers, method, body }) =>
    method === 'POST' && headers['x-api-key'] === 'key' && JSON.parse(body.toString()).variables.id === '42',
  'vendor-sdk': ({ headers, method }) => method === 'POST' && headers.authorization === 'Bearer key',
}
const answers: Record<string, unknown> = {
  graphql: { data: { user: { name: 'Ada' } } },
  'vendor-sdk': { choices: [{ message: { content: 'Ada' } }] },
}

it.each(Object.keys(demands))('examples/%s.ts does what it says', async (name) => {
  const demand = demands[name] as (typeof demands)[string]
  const { url, seen } = await api((request) =>
    demand(request)
      ? {
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(answers[name] ?? { id: 1, name: 'Ada' }),
        }
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

it('examples/digest.ts proves a password, and examples/jwt.ts signs', async () => {
  const json = { headers: { 'content-type': 'application/json' }, body: '{"name":"Ada"}' }
  const { origin } = await digestServer({ username: 'me', password: 'pass', welcome: () => json })
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const resource = await api(async ({ headers }) => {
    const token = (headers.authorization ?? '').replace('Bearer ', '')
    return (await jwtVerify(token, publicKey, { issuer: 'me', audience: resource.origin })) && json
  })
  const env = {
    ...process.env,
    API_USER: 'me',
    API_PASSWORD: 'pass',
    JWT_KEY: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  }
  const ran = (name: string, url: string) =>
    run(process.execPath, [`examples/${name}.ts`], { env: { ...env, API_URL: url } })
  expect((await ran('digest', origin)).stdout).toContain('Ada')
  expect((await ran('jwt', resource.url)).stdout).toContain('Ada')
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

it('examples/message-signature.ts signs, and takes only what the server signed', async () => {
  const pem = (key: KeyObject) =>
    key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }).toString()
  const [ours, theirs] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
  const key = { verify: createVerifier(ours.publicKey as never, 'ed25519') }
  const headers = {
    'content-type': 'application/json',
    'content-digest': `sha-256=:${createHash('sha256').update('{"name":"Ada"}').digest('base64')}:`,
  }
  const { url } = await api(async (seen) => {
    const request = { method: seen.method, url: `${url.slice(0, -1)}${seen.url}`, headers: seen.headers as never }
    if (!(await httpbis.verifyMessage({ keyLookup: async () => key }, request))) return { status: 401 }
    const config = {
      key: createSigner(theirs.privateKey as never, 'ed25519', 'server'),
      fields: ['@status', 'content-digest', '@method;req', '@target-uri;req'],
    }
    const signed = await httpbis.signMessage(config, { status: 200, headers }, request)
    return { headers: signed.headers as Record<string, string>, body: '{"name":"Ada"}' }
  })
  const env = { ...process.env, API_URL: url, KEY_ID: 'id', PRIVATE_KEY: pem(ours.privateKey) }
  const example = (server: KeyObject) =>
    run(process.execPath, ['examples/message-signature.ts'], { env: { ...env, SERVER_KEY: pem(server) } })
  expect((await example(theirs.publicKey)).stdout).toContain('Ada')
  await expect(example(ours.publicKey)).rejects.toThrow('signature_invalid')
})

it('examples/worker.ts answers from an API it has a token for, and says what went wrong', async () => {
  const as = await authorizationServer()
  const { url } = await api(({ headers, url }) => {
    if (!as.isGood((headers.authorization ?? '').replace('Bearer ', ''))) return { status: 401 }
    if (url === '/busy') return { status: 429, headers: { 'retry-after': '60' } }
    if (url !== '/users/42') return { status: 404 }
    return { headers: { 'content-type': 'application/json' }, body: '{"name":"Ada"}' }
  })
  const env = { API_URL: url, ISSUER: as.issuer, CLIENT_ID, CLIENT_SECRET }
  const ask = (path: string) => worker.fetch(new Request(`https://edge.example/${path}`), env)
  expect(await (await ask('users/42')).json()).toEqual({ name: 'Ada' })
  expect((await ask('users/43')).status).toBe(404)
  expect((await ask('busy')).status).toBe(502)
  const held = await ask('users/42')
  expect(held.status).toBe(503)
  expect(Number(held.headers.get('retry-after'))).toBeGreaterThan(50)
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
