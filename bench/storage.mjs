// One get and one put of 4 kB per store, by the clock on the wall, beside the raw back end in the same run.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createClient } from 'redis'
import { memoryStore } from '../dist/storage/memory.js'
import { redisStore } from '../dist/storage/redis/redis.js'
import { sealed } from '../dist/storage/sealed.js'
import { sqliteStore } from '../dist/storage/sqlite/sqlite.js'
import { compare } from './compare.mjs'
import { openBrowser } from './storage-browser.mjs'

const VALUE = new Uint8Array(4096).fill(7)
const KEY = new Uint8Array(32).fill(1)

/** Microseconds of all calls, one after the other. */
const timed = (call) => async (calls) => {
  const start = performance.now()
  for (let i = 0; i < calls; i++) await call()
  return (performance.now() - start) * 1000
}

/** How to read and to write a record of the store, by compare-and-set as a session does. */
async function over(store) {
  let { version } = await store.put('id', VALUE, { ifVersion: null })
  const put = async () => {
    ;({ version } = await store.put('id', VALUE, { ifVersion: version }))
  }
  return { get: () => store.get('id'), put }
}

/** The same by SQLite alone: one file, write-ahead log, each write on disk when it returns. */
function rawSqlite(path) {
  const db = new DatabaseSync(path)
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE r (id TEXT PRIMARY KEY, v BLOB, n INTEGER)',
  )
  db.prepare('INSERT INTO r VALUES (?, ?, 0)').run('id', VALUE)
  const read = db.prepare('SELECT v, n FROM r WHERE id = ?')
  const write = db.prepare('UPDATE r SET v = ?, n = n + 1 WHERE id = ? AND n = ?')
  let n = 0
  return { get: () => read.get('id'), put: () => write.run(VALUE, 'id', n++) }
}

/** The same by Redis alone, without comparing. */
function rawRedis(client) {
  const value = Buffer.from(VALUE)
  let n = 0
  return { get: () => client.hmGet('raw', ['v', 'n']), put: () => client.hSet('raw', { v: value, n: `${n++}` }) }
}

/** A server of its own that is gone afterwards; undefined where none is installed. */
async function startRedis() {
  const data = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const socket = join(data, 'redis.sock')
  const flags = ['--port', '0', '--unixsocket', socket, '--dir', data, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always'] // biome-ignore format: one line
  const server = spawn('redis-server', flags, { stdio: 'ignore' })
  const missing = await new Promise((resolve) =>
    server.once('spawn', () => resolve(false)).once('error', () => resolve(true)),
  )
  if (missing) return void console.log('\nRedis: left out, apt-get install redis-server')
  const client = createClient({ socket: { path: socket, reconnectStrategy: 20 } })
  client.on('error', () => {})
  await client.connect()
  return {
    client,
    async stop() {
      client.destroy()
      server.kill()
      await new Promise((resolve) => server.once('exit', resolve))
      rmSync(data, { recursive: true, force: true })
    },
  }
}

const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
try {
  await table('memory', 2000, {
    memoryStore: await over(memoryStore()),
    'sealed(memoryStore)': await over(sealed(memoryStore(), KEY)),
  })
  await table(
    'SQLite',
    50,
    {
      'node:sqlite': rawSqlite(join(folder, 'raw.db')),
      sqliteStore: await over(sqliteStore({ path: join(folder, 'plain', 'a.db') })),
      'sqliteStore, sealed': await over(sqliteStore({ path: join(folder, 'sealed', 'a.db'), key: KEY })),
    },
    { put: { 'sqliteStore, sealed': { against: 'sqliteStore', aim: 1.25 } } },
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const redis = await startRedis()
if (redis) {
  try {
    await table('Redis, synced to its log', 50, {
      'HSET and HGET': rawRedis(redis.client),
      redisStore: await over(redisStore({ client: redis.client, key: KEY })),
    })
  } finally {
    await redis.stop()
  }
}

const browser = await openBrowser()
try {
  for (const operation of ['get', 'put'])
    await compare(
      `IndexedDB in Chromium, ${operation}`,
      [
        ['idb-keyval, relaxed'],
        ['compare-and-set, strict'],
        ['indexedDbStore', { against: 'compare-and-set, strict', ...(operation === 'put' && { aim: 1.25 }) }],
      ].map(([name, beside]) => ({ name, run: (calls) => browser.time(name, operation, calls), ...beside })),
      { calls: 100, rounds: 15 },
    )
} finally {
  await browser.close()
}

/** One table an operation; each row beside the first one, unless `beside` says otherwise. */
async function table(title, calls, rows, beside = {}) {
  const [first] = Object.keys(rows)
  for (const operation of ['get', 'put'])
    await compare(
      `${title}, ${operation}`,
      Object.entries(rows).map(([name, row]) => ({
        name,
        run: timed(row[operation]),
        ...(name !== first && { against: first }),
        ...beside[operation]?.[name],
      })),
      { calls, rounds: 15 },
    )
}
