// Run by the store tests in processes and threads of their own: does what it is told with one store, and says so line by line.
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { chain } from '../../src/storage/chain.ts'
import { sqliteStore } from '../../src/storage/sqlite/sqlite.ts'
import type { CredentialStore, Version } from '../../src/types.ts'
import { cases } from './cases.ts'

const [task, kind, target, id, count] = (workerData ?? process.argv.slice(2)) as string[] as [
  keyof typeof tasks,
  string,
  string,
  string,
  string,
]
const times = Number(count)
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value)
const say = (line: string) => process.stdout.write(`${line}\n`)
const pause = (duration: number) => new Promise((resolve) => setTimeout(resolve, duration))

// A test that is killed leaves its children behind: none of them lives longer than it has to.
if (!workerData) setTimeout(() => process.exit(), 60_000).unref()

const tasks = {
  /** Runs the store contract on two stores of files named anew, and gives the results as JSON. */
  async contract(): Promise<void> {
    const results: { name: string; problem: string | undefined }[] = []
    for (const [name, run] of Object.entries(cases)) {
      const file: string = `${target}-${results.length}`
      const problem = await run(async () => [sqliteStore({ path: file }), sqliteStore({ path: file })]).then(
        () => undefined,
        (error) => String(error),
      )
      results.push({ name: `${kind}: ${name}`, problem })
    }
    say(JSON.stringify(results))
  },
  /** Adds 1 to the record, `times` times, by compare-and-set alone. */
  async increment(store: CredentialStore) {
    for (let done = 0; done < times; ) {
      const entry = await store.get(id)
      const next = bytes(String(Number(text(entry?.value)) + 1))
      if ((await store.put(id, next, { ifVersion: entry?.version ?? null })).ok) done++
    }
  },
  async read(store: CredentialStore) {
    say(text((await store.get(id))?.value))
  },
  /** Reads `times` records, from any one on, and says which it has read. */
  async move(store: CredentialStore) {
    const first = Math.floor(Math.random() * times)
    for (let i = 0; i < times; i++) {
      const name = String((first + i) % times)
      const value = text((await store.get(name))?.value)
      if (value !== `record ${name}`) throw new Error(`record ${name} is ${value}`)
      say(name)
    }
  },
  /** Adds 1 to a file that only the holder of the lock may touch; a second holder is caught in the act. */
  async exclude(store: CredentialStore) {
    const file = `${process.env.LATCHKEY_TEST_FOLDER}/count`
    for (let i = 0; i < times; i++) {
      await store.lock(
        id,
        async () => {
          closeSync(openSync(`${file}.held`, 'wx'))
          const before = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
          await pause(Math.random() * 2)
          writeFileSync(file, String(before + 1))
          rmSync(`${file}.held`)
        },
        { wait: 60_000 },
      )
    }
  },
  /** Holds the lock for long, again and again, with no pause between. */
  async greedy(store: CredentialStore) {
    for (;;) {
      await store.lock(
        id,
        async () => {
          say('held')
          await pause(300)
        },
        { wait: 60_000 },
      )
    }
  },
  /** Puts a record under the lock, says so, and never frees it. */
  async hold(store: CredentialStore) {
    await store.lock(id, async () => {
      const entry = await store.get(id)
      await store.put(id, bytes('put under the lock'), { ifVersion: entry?.version ?? null })
      say('held')
      setInterval(() => say('alive'), 50)
      return new Promise(() => {})
    })
  },
  /** Writes one record after the other, each full of one number, and says which are done. */
  async write(store: CredentialStore) {
    let version: Version | null = (await store.get(id))?.version ?? null
    for (let i = Number(count); ; i++) {
      const result = await store.put(id, bytes(`${i} `.repeat(700)), { ifVersion: version })
      if (!result.ok) throw new Error('conflict')
      version = result.version
      say(String(i))
    }
  },
  /** Holds the lock, is stopped meanwhile, and then writes as if nothing had happened. */
  async late(store: CredentialStore) {
    await store.lock(id, async ({ lost, remaining }) => {
      const entry = await store.get(id)
      say(`holds for ${Math.ceil(remaining() / 1000)} s`)
      await new Promise((resolve) => process.stdin.once('data', resolve))
      const { ok } = await store.put(id, bytes('late'), { ifVersion: entry?.version ?? null })
      if (!lost.aborted) await new Promise((resolve) => lost.addEventListener('abort', resolve))
      say(`written: ${ok}, remaining: ${remaining()}`)
    })
    process.stdin.destroy()
  },
}

const stores = {
  sqlite: async () => ({ store: sqliteStore({ path: target }), close: () => {} }),
  /** From the file of that name to the one beside it. */
  chain: async () => ({
    store: chain([sqliteStore({ path: `${target}.new` }), sqliteStore({ path: target })]),
    close: () => {},
  }),
  async redis() {
    // Only where it is needed: hundreds of these programs are started.
    const [{ createClient }, { redisStore }] = await Promise.all([
      import('redis'),
      import('../../src/storage/redis/redis.ts'),
    ])
    const client = await createClient({ url: target }).connect()
    return { store: redisStore({ client, key: new Uint8Array(32).fill(9) }), close: () => client.destroy() }
  },
}
const { store, close } = await stores[kind as keyof typeof stores]()
await tasks[task](store)
say('done')
close()
