// All that an example needs around it, on this machine.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createConnection } from 'node:net'
import { startAuthorization } from '../gateway/authorization.ts'
import { accessToken } from '../gateway/checks.ts'
import { demo } from '../gateway/credentials.ts'
import { arrived } from '../gateway/gateway.ts'
import { by, type Guarded, guards } from './guards.ts'

export interface Place {
  /** For the example's environment. */
  readonly env: Readonly<Record<string, string>>
  issued(token: string): boolean
  close(): void
}

const service = { CLIENT_ID: demo.clientId, CLIENT_SECRET: demo.clientSecret }
const program = { CLIENT_ID: demo.programId }
/** Examples whose API wants an access token, and who asks for it. */
const TOKENS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  service,
  'service-fleet': service,
  worker: service,
  'device-login': program,
  'loopback-login': program,
  cli: program,
  'browser-login': program,
}

export const names: readonly string[] = [...Object.keys(guards), ...Object.keys(TOKENS)]

export async function startPlace(name: string): Promise<Place> {
  const authorization = await startAuthorization()
  const redis = name === 'service-fleet' ? await startRedis() : undefined
  const guarded: Guarded = guards[name]?.() ?? {
    env: { ISSUER: authorization.issuer, ...TOKENS[name], ...redis?.env },
    guard: by(accessToken(authorization.issued)),
  }
  const api = createServer(async (incoming, response) => {
    const { status, headers = {}, body = '' } = await guarded.guard(await arrived(incoming))
    response.writeHead(status, headers).end(body)
  })
  return {
    env: { ...guarded.env, API_URL: `${await listening(api)}/` },
    issued: authorization.issued,
    close() {
      redis?.close()
      authorization.close()
      api.closeAllConnections()
      api.close()
    },
  }
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function startRedis() {
  const probe = createServer()
  const port = (await listening(probe)).split(':')[2] as string
  probe.close()
  const server = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', ''], { stdio: 'ignore' })
  const absent = new Promise<never>((_, reject) =>
    server.once('error', () => reject(new Error('This example needs redis-server: apt-get install redis-server'))),
  )
  for (let tries = 0; !(await Promise.race([answers(Number(port)), absent])); tries++) {
    if (tries > 200) throw new Error('redis-server does not answer')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    env: { REDIS_URL: `redis://127.0.0.1:${port}`, STORE_KEY: randomBytes(32).toString('base64') },
    close: () => server.kill(),
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.end())
  })
}
