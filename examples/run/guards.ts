// What the API of each example demands: libraries that nobody here wrote check what came over the wire, and Ada is who is let in.
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import aws4 from 'aws4'
import { createSigner, createVerifier, httpbis } from 'http-message-signatures'
import { jwtVerify } from 'jose'
import * as checks from '../gateway/checks.ts'
import { demo } from '../gateway/credentials.ts'

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string
}
export type Guard = (request: checks.Arrived) => Reply | Promise<Reply>

/** What an example is given, and what guards its API. */
export interface Guarded {
  readonly env: Readonly<Record<string, string>>
  readonly guard: Guard
}

const json = (body: unknown): Reply => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})
const ada = json({ id: 42, name: 'Ada' })

/** Lets in who passes the check. */
export function by(check: checks.Check, welcome: Reply = ada): Guard {
  return (request) => {
    const problem = check(request)
    return problem ? { status: 401, body: problem } : welcome
  }
}

const key = { API_KEY: demo.key }
const password = { API_USER: demo.user, API_PASSWORD: demo.password }

export const guards: Readonly<Record<string, () => Guarded>> = {
  'api-key': () => ({ env: key, guard: by(checks.keyInHeader) }),
  basic: () => ({ env: password, guard: by(checks.basicAuth) }),
  bearer: () => ({ env: { API_TOKEN: demo.token }, guard: by(checks.bearerToken) }),
  hmac: () => ({ env: { KEY_ID: demo.keyId, KEY_SECRET: demo.secret }, guard: by(checks.signature(Date.now)) }),
  'two-credentials': () => ({
    env: { ...key, API_TOKEN: demo.token },
    guard: by(checks.all(checks.keyInHeader, checks.bearerToken)),
  }),
  'openapi-fetch': () => ({ env: key, guard: by(checks.keyInHeader) }),
  'tanstack-query': () => ({ env: key, guard: by(checks.keyInHeader) }),
  graphql: () => ({ env: key, guard: by(checks.keyInHeader, json({ data: { user: { name: 'Ada' } } })) }),
  'vendor-sdk': () => ({
    env: { API_KEY: demo.token },
    guard: by(checks.bearerToken, json({ choices: [{ message: { content: 'Ada' } }] })),
  }),
  digest: () => ({ env: password, guard: digest }),
  aws: () => ({ env: { AWS_ACCESS_KEY_ID: demo.keyId, AWS_SECRET_ACCESS_KEY: demo.secret }, guard: by(signedForAws) }),
  jwt() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    return {
      env: { JWT_KEY: pem(privateKey) },
      async guard({ headers }) {
        const token = (headers.authorization ?? '').replace('Bearer ', '')
        const options = { issuer: 'me', audience: `http://${headers.host}` }
        return jwtVerify(token, publicKey, options).then(
          () => ada,
          (error) => ({ status: 401, body: String(error) }),
        )
      },
    }
  },
  'message-signature'() {
    const [ours, theirs] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
    const verifier = { verify: createVerifier(theirs.publicKey as never, 'ed25519') }
    const signer = createSigner(ours.privateKey as never, 'ed25519', 'server')
    return {
      env: { KEY_ID: demo.keyId, PRIVATE_KEY: pem(theirs.privateKey), SERVER_KEY: pem(ours.publicKey) },
      async guard({ method, target, headers }) {
        const request = { method, url: `http://${headers.host}${target}`, headers: headers as Record<string, string> }
        if (!(await httpbis.verifyMessage({ keyLookup: async () => verifier }, request))) return { status: 401 }
        const digest = createHash('sha256')
          .update(ada.body as string)
          .digest('base64')
        const signed = await httpbis.signMessage(
          { key: signer, fields: ['@status', 'content-digest', '@method;req', '@target-uri;req'] },
          { status: 200, headers: { 'content-type': 'application/json', 'content-digest': `sha-256=:${digest}:` } },
          request,
        )
        return { ...ada, headers: signed.headers }
      },
    }
  },
}

function pem(key: KeyObject): string {
  return key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }).toString()
}

/** RFC 7616, with SHA-256. */
function digest({ method, target, headers }: checks.Arrived): Reply {
  const H = (text: string) => createHash('sha256').update(text).digest('hex')
  const fields = Object.fromEntries(
    [...(headers.authorization ?? '').matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)].map((m) => [m[1], m[2] ?? m[3]]),
  )
  const middle = `nonce:${fields.nc}:${fields.cnonce}:auth`
  const right = H(`${H(`${demo.user}:demo:${demo.password}`)}:${middle}:${H(`${method}:${target}`)}`)
  if (fields.response === right) return ada
  const challenge = 'Digest realm="demo", nonce="nonce", qop="auth", algorithm=SHA-256, charset=UTF-8'
  return { status: 401, headers: { 'www-authenticate': challenge } }
}

/** Signed again from what came over the wire. */
function signedForAws({ method, target: path, headers, body }: checks.Arrived): string | undefined {
  const names = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1]?.split(';') ?? []
  const { headers: signed = {} } = aws4.sign(
    {
      service: 'execute-api',
      region: 'eu-west-1',
      method,
      path,
      host: headers.host,
      headers: Object.fromEntries(names.map((name) => [name, String(headers[name])])),
      body,
      extraHeadersToIgnore: { 'content-length': true },
    } as never,
    { accessKeyId: demo.keyId, secretAccessKey: demo.secret },
  )
  return (signed as Record<string, unknown>).Authorization === headers.authorization ? undefined : 'wrong signature'
}
