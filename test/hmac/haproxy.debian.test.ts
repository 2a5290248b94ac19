import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type JwtAlgorithm, jwt } from '../../src/auth/jwt.ts'
import { createFetch } from '../../src/fetch.ts'
import { digest, hex, hmac } from '../../src/hmac/hmac.ts'

const SECRET = 'a secret that HAProxy knows'
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
let origin: string
let folder: string
let proxy: ChildProcess

beforeAll(async () => {
  const port = await freePort()
  folder = mkdtempSync(join(tmpdir(), 'latchkey-haproxy-'))
  const file = join(folder, 'haproxy.cfg')
  for (const [name, { publicKey }] of Object.entries({ rsa, ec }))
    writeFileSync(join(folder, `${name}.pem`), publicKey.export({ format: 'pem', type: 'spki' }))
  writeFileSync(
    file,
    `global
  tune.bufsize 65536
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend api
  bind 127.0.0.1:${port}
  option http-buffer-request
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request return status 200 if { path_beg /jwt/rsa } { var(txn.bearer),jwt_verify(txn.alg,"${folder}/rsa.pem") 1 }
  http-request return status 200 if { path_beg /jwt/ec } { var(txn.bearer),jwt_verify(txn.alg,"${folder}/ec.pem") 1 }
  http-request return status 200 if { path_beg /jwt/secret } { var(txn.bearer),jwt_verify(txn.alg,"${SECRET}") 1 }
  http-request return status 401 hdr WWW-Authenticate 'Bearer error="invalid_token"' if { path_beg /jwt/ }
  http-request set-var(txn.target) pathq
  http-request set-var(txn.date) req.fhdr(x-date)
  http-request set-var(txn.hash) req.body,sha2(256),hex,lower
  http-request set-var(txn.given) req.fhdr(x-signature),lower
  http-request set-var(txn.calc) method,concat("|",txn.target),concat("|",txn.date),concat("|",txn.hash),hmac(sha256,${btoa(SECRET)}),hex,lower
  http-request return status 401 unless { var(txn.calc),secure_memcmp(txn.given) }
  http-request return status 200 content-type text/plain lf-string "%[method] %[pathq]"
`,
  )
  proxy = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' })
  origin = `http://127.0.0.1:${port}`
  // Until it listens.
  for (let tries = 0; tries < 100; tries++) {
    if (await fetch(origin).catch(() => undefined)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('HAProxy does not listen')
})

afterAll(() => {
  proxy.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const signer = (secret: string) =>
  hmac({
    secret,
    hash: 'sha256',
    encoding: 'hex',
    timestamp: 'rfc1123',
    message: async ({ method, target, timestamp, body }) =>
      [method, target, timestamp, hex(await digest('sha256', body))].join('|'),
    place: ({ timestamp, signature }) => ({ headers: { 'X-Date': timestamp, 'X-Signature': signature } }),
  })

it('4 HAProxy, which knows nothing of us, agrees on every target and content', async () => {
  const send = createFetch({ baseUrl: origin, auth: signer(SECRET) })
  const form = new FormData()
  form.set('name', 'ä')
  form.set('file', new Blob([Uint8Array.from({ length: 300 }, (_, i) => i & 255)]), 'f')
  const bodies: Record<string, BodyInit | undefined> = {
    none: undefined,
    text: 'text é',
    parameters: new URLSearchParams({ a: 'b c' }),
    form,
    blob: new Blob(['x'.repeat(20_000)]),
  }
  for (const target of ['/', '/a%2Fb//c', '/ä b?q=ü&x=a+b%20c', '/^|?a|b', '/?'])
    for (const [name, body] of Object.entries(bodies)) {
      const response = await send(target, body === undefined ? {} : { method: 'POST', body })
      expect([response.status, name, target]).toEqual([200, name, target])
    }
})

it('it refuses another secret, and no signature', async () => {
  expect((await createFetch({ baseUrl: origin, auth: signer('other') })('/')).status).toBe(401)
  expect((await fetch(origin)).status).toBe(401)
})

it.each<[JwtAlgorithm, string]>([
  ['HS256', 'secret'],
  ['HS384', 'secret'],
  ['HS512', 'secret'],
  ['RS256', 'rsa'],
  ['RS384', 'rsa'],
  ['RS512', 'rsa'],
  ['ES256', 'ec'],
])('HAProxy verifies a token signed with %s', async (algorithm, path) => {
  const keys: Record<string, string> = {
    secret: SECRET,
    rsa: rsa.privateKey.export({ format: 'pem', type: 'pkcs1' }) as string,
    ec: ec.privateKey.export({ format: 'pem', type: 'sec1' }) as string,
  }
  const other = algorithm.startsWith('HS') ? 'rsa' : 'secret'
  const send = createFetch({
    baseUrl: origin,
    auth: jwt({ algorithm, key: keys[path] as string, claims: { iss: 'me' } }),
  })
  expect((await send(`/jwt/${path}`)).status).toBe(200)
  expect((await send(`/jwt/${other}`)).status).toBe(401)
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
