import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digest } from '../../src/auth/digest.ts'
import { createFetch } from '../../src/fetch.ts'
import { freePorts } from '../servers/ports.ts'

// Two servers that know nothing of us. Each keeps its users as `name:realm:hash`.
const folder = mkdtempSync(join(tmpdir(), 'latchkey-digest-'))
const children: ChildProcess[] = []
const realm = 'the realm'
const users = { ada: 'Circle of Life', 'Jäsøn Doe': 'pässwörd, "quoted"' }
const origins = { lighttpd: '', apache: '' }

const htdigest = (hash: string) =>
  Object.entries(users)
    .map(([name, password]) => `${name}:${realm}:${createHash(hash).update(`${name}:${realm}:${password}`).digest('hex')}\n`) // biome-ignore format: one line
    .join('')

beforeAll(async () => {
  const [lighttpd = 0, apache = 0] = await freePorts(2)
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  const site = join(folder, 'site')
  for (const path of ['md5/a b', 'sha', 'digest']) mkdirSync(join(site, path), { recursive: true })
  for (const path of ['md5/a b/page', 'md5/page', 'sha/page', 'digest/page']) write(join('site', path), 'let in')
  write('md5.htdigest', htdigest('md5'))
  write('sha256.htdigest', htdigest('sha256'))
  write(
    'lighttpd.conf',
    `server.modules = ("mod_auth", "mod_authn_file")
server.document-root = "${site}"
server.bind = "127.0.0.1"
server.port = ${lighttpd}
auth.backend = "htdigest"
auth.backend.htdigest.userfile = "${folder}/md5.htdigest"
$HTTP["url"] =~ "^/sha/" { auth.backend.htdigest.userfile = "${folder}/sha256.htdigest" }
auth.require = (
  "/md5/" => ("method" => "digest", "algorithm" => "MD5", "realm" => "${realm}", "require" => "valid-user"),
  "/sha/" => ("method" => "digest", "algorithm" => "SHA-256", "realm" => "${realm}", "require" => "valid-user"),
)
`,
  )
  const modules = '/usr/lib/apache2/modules'
  const load = (...names: string[]) => names.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join('\n') // biome-ignore format: one line
  write(
    'apache.conf',
    `ServerRoot ${folder}
ServerName 127.0.0.1
Listen 127.0.0.1:${apache}
PidFile ${folder}/apache.pid
ErrorLog ${folder}/apache.log
Mutex file:${folder}
DefaultRuntimeDir ${folder}
${load('mpm_event', 'authz_core', 'authz_user', 'authn_core', 'authn_file', 'auth_digest')}
MaxKeepAliveRequests 0
DocumentRoot ${site}
<Directory ${site}>
  Require all granted
</Directory>
<Location /digest>
  AuthType Digest
  AuthName "${realm}"
  AuthDigestDomain /digest
  AuthDigestProvider file
  AuthUserFile ${folder}/md5.htdigest
  AuthDigestNonceLifetime 3
  Require valid-user
</Location>
`,
  )
  children.push(spawn('lighttpd', ['-D', '-f', join(folder, 'lighttpd.conf')], { stdio: 'ignore' }))
  children.push(spawn('apache2', ['-X', '-f', join(folder, 'apache.conf')], { stdio: 'ignore' }))
  for (const [name, port] of [
    ['lighttpd', lighttpd],
    ['apache', apache],
  ] as const) {
    // biome-ignore format: one line
    origins[name] = `http://127.0.0.1:${port}`
    for (let tries = 0; ; tries++) {
      if (await fetch(origins[name]).catch(() => undefined)) break
      if (tries > 200) throw new Error(`${name} does not listen`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
})

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const paths = [
  ['lighttpd', '/md5/page'],
  ['lighttpd', '/sha/page'],
  ['apache', '/digest/page'],
] as const

describe.each(paths)('11 %s lets in at %s', (server, path) => {
  const asking = (username: keyof typeof users, password = users[username]) => {
    const attempts: unknown[] = []
    const ask = createFetch({
      baseUrl: origins[server],
      auth: digest({ username, password }),
      // As many as Apache has threads here.
      limits: [{ concurrent: 20 }],
      retry: 0,
      onEvent: (event) => void (event.type === 'attempt' && attempts.push(event)),
    })
    return { ask, attempts }
  }

  it('who knows the password, asked once for all requests, whatever the query', async () => {
    const { ask, attempts } = asking('ada')
    for (const query of ['', '?a=b c', '?q=ü&x=^|', '?\'()*,="', '?']) {
      const answer = await ask(path + query)
      expect([answer.status, await answer.text()]).toEqual([200, 'let in'])
    }
    expect(attempts).toHaveLength(6)
  })

  it('a name and a password beyond ASCII', async () => {
    expect((await asking('Jäsøn Doe').ask(path)).status).toBe(200)
  })

  it('nobody else', async () => {
    const wrong = asking('ada', 'wrong')
    expect((await wrong.ask(path)).status).toBe(401)
    expect(wrong.attempts).toHaveLength(2)
    expect((await fetch(origins[server] + path)).status).toBe(401)
  })

  it('200 calls at once', async () => {
    const { ask } = asking('ada')
    const all = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(`${path}?${i}`)))
    expect(all.every(({ status }) => status === 200)).toBe(true)
    await Promise.all(all.map((answer) => answer.text()))
  })
})

it('10 Apache calls a nonce stale after three seconds, and proves that it knows the password', async () => {
  const replays: string[] = []
  const ask = createFetch({
    baseUrl: origins.apache,
    auth: digest({ username: 'ada', password: users.ada, mutual: true }),
    onEvent: (event) => void (event.type === 'replay' && replays.push(event.reason)),
  })
  expect((await ask('/digest/page')).status).toBe(200)
  await new Promise((resolve) => setTimeout(resolve, 4500))
  expect((await ask('/digest/page')).status).toBe(200)
  expect(replays).toEqual(['challenge', 'stale_nonce'])
})

it('lighttpd: a path that is not plain', async () => {
  const ask = createFetch({ baseUrl: origins.lighttpd, auth: digest({ username: 'ada', password: users.ada }) })
  expect((await ask('/md5/a b/page')).status).toBe(200)
  expect((await ask('/md5/x/../a%20b/page')).status).toBe(200)
})
