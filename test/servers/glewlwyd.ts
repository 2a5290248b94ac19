// Glewlwyd: an authorization server in C that shares no line with ours, from its Debian package, in a folder of its own.
import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gunzipSync } from 'node:zlib'
import { freePorts } from './ports.ts'

const SCHEMA = '/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz'

export interface Glewlwyd {
  readonly issuer: string
  /** The user, signed in and asked before, follows a URL of the server: where it sends the browser. */
  visit(url: string): Promise<string>
  close(): void
}

/** With the user `admin`, the confidential client `web` and the public client `app`, who may ask for `openid` and `orders`. */
export async function startGlewlwyd(): Promise<Glewlwyd> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-glewlwyd-'))
  const [port] = await freePorts(1)
  const origin = `http://127.0.0.1:${port}`
  const database = new DatabaseSync(join(folder, 'g.db'))
  database.exec(gunzipSync(readFileSync(SCHEMA)).toString())
  database.close()
  const settings = readFileSync('/etc/glewlwyd/glewlwyd.conf', 'utf8')
    .replace(/^port=.*$/m, `port=${port}\nbind_address="127.0.0.1"`)
    .replace(/^external_url=.*$/m, `external_url="${origin}"`)
    .replace(/^log_mode=.*$/m, 'log_mode="console"')
    .replace(/^@include.*$/m, `database = { type = "sqlite3" path = "${join(folder, 'g.db')}" };`)
  writeFileSync(join(folder, 'g.conf'), settings)
  const server = spawn('glewlwyd', [`--config-file=${join(folder, 'g.conf')}`], { stdio: 'ignore' })
  const close = () => {
    server.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    for (let tries = 0; !(await fetch(`${origin}/config`).catch(() => undefined)); tries++) {
      if (tries > 100) throw new Error('Glewlwyd does not answer')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const cookie = await configured(origin)
    return {
      issuer: `${origin}/api/oidc`,
      async visit(url) {
        const response = await fetch(`${url}${url.includes('?') ? '&' : '?'}g_continue`, { redirect: 'manual', headers: { cookie } }) // biome-ignore format: one line
        return response.headers.get('location') ?? ''
      },
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

/** The cookie of the user. */
async function configured(origin: string): Promise<string> {
  let cookie = ''
  const send = async (method: string, path: string, body: object) => {
    const headers = { 'content-type': 'application/json', cookie }
    const response = await fetch(`${origin}/api/${path}`, { method, headers, body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    cookie ||= response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  }
  await send('POST', 'auth/', { username: 'admin', password: 'password' })
  const scope = { display_name: 'scope', password_required: false, scheme: {} }
  await send('PUT', 'scope/openid', scope)
  await send('POST', 'scope/', { name: 'orders', ...scope })
  const own = ['g_admin', 'g_profile', 'openid', 'orders']
  await send('PUT', 'user/admin?source=database', { username: 'admin', name: 'Ada', scope: own, enabled: true })
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const on = ['code', 'client', 'device', 'refresh'].map((type) => [`auth-type-${type}-enabled`, true])
  const off = ['token', 'id-token', 'none', 'password'].map((type) => [`auth-type-${type}-enabled`, false])
  const parameters = {
    ...Object.fromEntries([...on, ...off]),
    iss: `${origin}/api/oidc`,
    'jwt-type': 'rsa',
    'jwt-key-size': '256',
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: publicKey.export({ type: 'spki', format: 'pem' }),
    'access-token-duration': 3600,
    'refresh-token-duration': 86_400,
    'code-duration': 600,
    'refresh-token-rolling': true,
    'allow-non-oidc': true,
    'device-authorization-expiration': 600,
    'device-authorization-interval': 1,
    'pkce-allowed': true,
    'pkce-method-plain-allowed': false,
    'oauth-dpop-allowed': true,
    'oauth-dpop-iat-duration': 60,
    'oauth-par-allowed': true,
    'oauth-par-required': false,
    'oauth-par-request_uri-prefix': 'urn:ietf:params:oauth:request_uri:',
    'oauth-par-duration': 90,
    'introspection-revocation-allowed': true,
    'introspection-revocation-auth-scope': [],
    'introspection-revocation-allow-target-client': true,
    'oauth-as-iss-id': true,
    'subject-type': 'public',
  }
  await send('POST', 'mod/plugin/', { module: 'oidc', name: 'oidc', display_name: 'oidc', parameters })
  const client = {
    enabled: true,
    scope: ['orders'],
    redirect_uri: ['http://127.0.0.1/cb'],
    authorization_type: ['code', 'client_credentials', 'refresh_token', 'device_authorization'],
  }
  const secret = { client_secret: 'secret', password: 'secret', confidential: true, token_endpoint_auth_method: ['client_secret_basic'] } // biome-ignore format: one line
  await send('POST', 'client/?source=database', { ...client, ...secret, client_id: 'web', name: 'web' })
  await send('POST', 'client/?source=database', { ...client, client_id: 'app', name: 'app', confidential: false })
  for (const id of ['web', 'app']) await send('PUT', `auth/grant/${id}`, { scope: 'openid orders' })
  return cookie
}
