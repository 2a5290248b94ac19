import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type RedisClientType } from 'redis'
import { freePorts } from './ports.ts'

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Where its dump and its log of writes are. */
  readonly folder: string
  start(): Promise<void>
  /** By a signal: SIGKILL is a crash. */
  stop(signal?: NodeJS.Signals): Promise<void>
  process(): ChildProcess
  client(): Promise<RedisClientType>
  close(): Promise<void>
}

/** A real redis-server on a free loopback port, with every write synced to its log before it answers. */
export async function redisServer(flags: readonly string[] = []): Promise<RedisServer> {
  const [port] = (await freePorts(1)) as [number]
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-redis-'))
  const url = `redis://127.0.0.1:${port}`
  const clients: RedisClientType[] = []
  let server: ChildProcess

  const redis = {
    port,
    url,
    folder,
    async start() {
      server = spawn(
        'redis-server',
        [
          '--port',
          `${port}`,
          '--bind',
          '127.0.0.1',
          '--dir',
          folder,
          '--save',
          '',
          '--appendonly',
          'yes',
          '--appendfsync',
          'always',
          ...flags,
        ],
        { stdio: 'ignore' },
      )
      const probe = createClient({ url, socket: { reconnectStrategy: 20 } })
      probe.on('error', () => {})
      await probe.connect()
      while ((await probe.ping().catch(() => '')) !== 'PONG') await new Promise((resolve) => setTimeout(resolve, 20))
      probe.destroy()
    },
    async stop(signal: NodeJS.Signals = 'SIGKILL') {
      if (server.exitCode !== null || server.signalCode !== null) return
      const gone = new Promise((resolve) => server.once('exit', resolve))
      server.kill(signal)
      await gone
    },
    process: () => server,
    async client() {
      const client = createClient({ url, socket: { reconnectStrategy: 50 } }) as RedisClientType
      client.on('error', () => {})
      clients.push(client)
      return client.connect() as Promise<RedisClientType>
    },
    async close() {
      for (const client of clients) client.destroy()
      await redis.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await redis.start()
  return redis
}
