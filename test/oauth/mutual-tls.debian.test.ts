// RFC 8705: a client that proves itself, and binds its tokens, by the certificate of its own transport.
import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import { type Fetch, memoryStore } from '../../src/index.ts'
import { authorizationCode, clientCredentials } from '../../src/oauth/oauth.ts'
import { CALLBACK, openIdProvider } from '../servers/openid.ts'
import { failure, given, textOf } from './token.ts'

afterEach(() => void vi.restoreAllMocks())

function certificate(name: string): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-tls-'))
  const file = (end: string) => join(folder, end)
  const san = ['-addext', 'subjectAltName=IP:127.0.0.1']
  const what = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', ...what, '-subj', `/CN=${name}`, ...san, '-keyout', file('k'), '-out', file('c')], { stdio: 'ignore' }) // biome-ignore format: one line
  const made = { key: readFileSync(file('k'), 'utf8'), cert: readFileSync(file('c'), 'utf8') }
  rmSync(folder, { recursive: true })
  return made
}

/** A transport that presents a certificate, as an undici Agent would. */
const presenting =
  (ca: string, client?: { key: string; cert: string }): Fetch =>
  (input, init) =>
    new Promise((resolve, reject) => {
      const { method = 'GET', headers, body } = init ?? {}
      const own = Object.fromEntries(new Headers(headers))
      const sent = request(String(input), { method, headers: own, ca, ...client }, (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk) => chunks.push(chunk))
        incoming.on('end', () => {
          const { statusCode: status = 500 } = incoming
          resolve(new Response(Buffer.concat(chunks), { status, headers: incoming.headers as Record<string, string> }))
        })
      })
      sent.on('error', reject)
      sent.end(body ? String(body) : undefined)
    })

it('the certificate proves the client and binds the token, for a service and for a sign-in', async () => {
  const [server, client, other] = [certificate('server'), certificate('client'), certificate('other')]
  const jwk = new X509Certificate(client.cert).publicKey.export({ format: 'jwk' })
  const x5c = [client.cert.replace(/-----[^-]+-----|\s/g, '')]
  const registered = {
    token_endpoint_auth_method: 'self_signed_tls_client_auth' as const,
    tls_client_certificate_bound_access_tokens: true,
    jwks: { keys: [{ ...jwk, x5c }] },
  }
  const listen = createServer({ ...server, requestCert: true, rejectUnauthorized: false })
  const as = await openIdProvider({
    server: { listen: listen as never, scheme: 'https' },
    clients: [
      { ...registered, client_id: 'bound', redirect_uris: [], response_types: [], grant_types: ['client_credentials'] },
      { ...registered, client_id: 'person', redirect_uris: [CALLBACK], application_type: 'native', grant_types: ['authorization_code', 'refresh_token'] }, // biome-ignore format: one line
    ] as never[],
    configuration: {
      clientAuthMethods: [
        ...'client_secret_basic client_secret_jwt none'.split(' '),
        'self_signed_tls_client_auth',
      ] as never[],
      features: {
        mTLS: {
          enabled: true,
          certificateBoundAccessTokens: true,
          selfSignedTlsClientAuth: true,
          getCertificate: (ctx: { socket: unknown }) => {
            const { raw } = (ctx.socket as TLSSocket).getPeerCertificate()
            return raw && new X509Certificate(raw)
          },
        },
      } as never,
    },
  })
  const options = { issuer: as.issuer, clientId: 'bound', clientAuthentication: 'tls' as const }
  const thumbprint = createHash('sha256').update(new X509Certificate(client.cert).raw).digest('base64url')
  const token = await clientCredentials({ ...options, fetch: presenting(server.cert, client) }).token(given())
  expect((await as.provider.ClientCredentials.find(textOf(token)))?.['x5t#S256']).toBe(thumbprint)
  expect(as.posts('/token')[0]?.form.get('client_id')).toBe('bound')
  for (const wrong of [other, undefined])
    expect(await failure(clientCredentials({ ...options, fetch: presenting(server.cert, wrong) }).token(given()))).toMatchObject({ code: 'client_misconfigured', error: 'invalid_client' }) // biome-ignore format: one line

  const login = authorizationCode({ ...options, clientId: 'person', scope: 'openid', redirectUri: CALLBACK, store: memoryStore(), fetch: presenting(server.cert, client), pushed: true }) // biome-ignore format: one line
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
  onTestFinished(() => void vi.unstubAllEnvs())
  await login.complete(await as.visit(await login.start()))
  const first = await login.token(given())
  expect((await as.provider.AccessToken.find(textOf(first)))?.['x5t#S256']).toBe(thumbprint)
  expect(await login.renew?.(first, [], given())).toBe(true)
})
