import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keychainStore } from '../../src/storage/keychain/keychain.ts'
import { type Desktop, desktop, newHome } from '../servers/keychain.ts'
import { storeContract } from './contract.ts'
import { start } from './processes.ts'

const run = promisify(execFile)
const program = fileURLToPath(new URL('keychain.program.ts', import.meta.url))
const sentinel = 'sentinel-9c41-refresh-token'

/** One call in a process of its own. */
async function call(env: NodeJS.ProcessEnv, path: string, task: string, text = ''): Promise<unknown> {
  const { stdout } = await run(process.execPath, [program, task, path, text], { env, timeout: 30_000 })
  return JSON.parse(stdout)
}

function newPlace() {
  const home = newHome()
  return { home, path: join(home, 'credentials', 'credentials.db') }
}

/** Runs the work in a session, and ends that. */
async function during<T>(session: Promise<Desktop>, work: (session: Desktop) => Promise<T>): Promise<T> {
  const open = await session
  try {
    return await work(open)
  } finally {
    await open.stop()
  }
}

describe('in a session with an open keychain', () => {
  let session: Desktop
  const before = process.env.DBUS_SESSION_BUS_ADDRESS
  beforeAll(async () => {
    session = await desktop(newHome(), 'unlocked')
    process.env.DBUS_SESSION_BUS_ADDRESS = session.env.DBUS_SESSION_BUS_ADDRESS
  })
  afterAll(async () => {
    if (before === undefined) delete process.env.DBUS_SESSION_BUS_ADDRESS
    else process.env.DBUS_SESSION_BUS_ADDRESS = before
    await session.stop()
  })

  storeContract('keychain', async () => {
    const path = join(mkdtempSync(join(session.home, 'records-')), 'credentials.db')
    return [keychainStore({ service: 'latchkey-test', path }), keychainStore({ service: 'latchkey-test', path })]
  })

  it('P1 ten that come first at once make one key, and read each other', async () => {
    const path = join(mkdtempSync(join(session.home, 'records-')), 'credentials.db')
    const stores = Array.from({ length: 10 }, () => keychainStore({ service: 'latchkey-test', path }))
    await Promise.all(stores.map((store, i) => store.put(`${i}`, Uint8Array.of(i), { ifVersion: null })))
    for (const store of stores)
      for (let i = 0; i < 10; i++) expect((await store.get(`${i}`))?.value).toEqual(Uint8Array.of(i))
  })

  it('P6 a file that was deleted or replaced under an open store takes its key along: what is written next is found by all', async () => {
    const path = join(mkdtempSync(join(session.home, 'records-')), 'credentials.db')
    const open = () => keychainStore({ service: 'latchkey-test', path })
    const gone = () => {
      for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
    }
    const [one, two] = [open(), open()]
    await one.put('id', Uint8Array.of(1), { ifVersion: null })
    expect((await two.get('id'))?.value).toEqual(Uint8Array.of(1))
    gone()
    expect(await one.put('id', Uint8Array.of(2), { ifVersion: null })).toMatchObject({ ok: true })
    for (const store of [one, two, open()]) expect((await store.get('id'))?.value).toEqual(Uint8Array.of(2))
    gone()
    // Another program makes a new key first.
    await open().put('theirs', Uint8Array.of(3), { ifVersion: null })
    await one.put('ours', Uint8Array.of(4), { ifVersion: null })
    for (const store of [one, two, open()])
      expect([(await store.get('theirs'))?.value, (await store.get('ours'))?.value]).toEqual([
        Uint8Array.of(3),
        Uint8Array.of(4),
      ])
  })

  it('P10 says what it is, and meets what asks for the user of the system', () => {
    const store = keychainStore({ service: 'latchkey-test', requires: { atRest: 'os-user', durability: 'power-loss' } })
    expect(store.traits).toMatchObject({
      backend: 'secret-service',
      atRest: 'os-user',
      durability: 'power-loss',
      lock: 'kernel',
    })
    expect(() => keychainStore({ service: 'latchkey-test', requires: { atRest: 'external-key' } })).toThrow(
      expect.objectContaining({ code: 'requirement_not_met' }),
    )
  })
})

describe('the keychain over time', { timeout: 60_000 }, () => {
  it('P4 P8 the record is there in the next session; neither file nor keychain shows it', async () => {
    const { home, path } = newPlace()
    await during(desktop(home, 'unlocked'), async ({ env, crash }) => {
      expect(await call(env, path, 'put', sentinel)).toEqual({ ok: true })
      await crash()
    })
    await during(desktop(home, 'unlocked'), async ({ env }) => {
      expect(await call(env, path, 'get')).toEqual({ value: sentinel })
      expect(await call(env, path, 'delete')).toBe('deleted')
    })
    for (const entry of readdirSync(home, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      expect(readFileSync(join(entry.parentPath, entry.name), 'latin1')).not.toContain(sentinel)
    }
  })

  it('P6 locked, missing and empty are three things, none of them absent, and none falls back', async () => {
    const { home, path } = newPlace()
    await during(desktop(home, 'unlocked'), ({ env }) => call(env, path, 'put', sentinel))
    const outcomes: Record<string, { code: string; message: string }> = {}
    for (const state of ['locked', 'bus'] as const) {
      outcomes[state] = (await during(desktop(home, state), ({ env }) => call(env, path, 'get'))) as never
    }
    const noBus = { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, DBUS_SESSION_BUS_ADDRESS: '' }
    outcomes.none = (await call(noBus, path, 'get')) as never
    const fresh = newPlace()
    outcomes.empty = (await during(desktop(fresh.home, 'activated'), ({ env }) =>
      call(env, fresh.path, 'put', sentinel),
    )) as never
    expect(outcomes).toMatchObject({
      locked: { code: 'locked', message: expect.stringContaining('locked') },
      bus: { code: 'unavailable', message: expect.stringContaining('no keychain here') },
      none: { code: 'unavailable', message: expect.stringContaining('no keychain here') },
      empty: { code: 'unavailable', message: expect.stringContaining('holds no keychain yet') },
    })
    for (const outcome of Object.values(outcomes)) expect(JSON.stringify(outcome)).not.toContain('sentinel')
    // Nothing was harmed on the way.
    const found = await during(desktop(home, 'unlocked'), ({ env }) => call(env, path, 'get'))
    expect(found).toEqual({ value: sentinel })
  })

  it('P4 P6 a keychain that dies under an open store is never taken for an empty one, and what was put is there afterwards', async () => {
    const { home, path } = newPlace()
    await during(desktop(home, 'unlocked'), async ({ env, crash }) => {
      const writer = start(['write', path, ''], { file: program, env })
      await writer.said('1')
      await crash()
      // The key is known already.
      await writer.said('2')
      await writer.kill()
      expect(await call(env, path, 'get')).toMatchObject({ code: expect.stringMatching(/^(locked|unavailable)$/) })
    })
    const found = await during(desktop(home, 'unlocked'), ({ env }) => call(env, path, 'get'))
    expect(Number((found as { value: string }).value)).toBeGreaterThanOrEqual(2)
  })

  it('P6 a key that is gone is a mismatch, the records stay; starting anew is asked for by name', async () => {
    const { home, path } = newPlace()
    await during(desktop(home, 'unlocked'), ({ env }) => call(env, path, 'put', 'before'))
    const keyrings = join(home, '.local', 'share', 'keyrings')
    rmSync(keyrings, { recursive: true })
    // A keychain that was never set up says "no such entry" too: that proves nothing.
    expect(await during(desktop(home, 'activated'), ({ env }) => call(env, path, 'get'))).toMatchObject({
      code: 'unavailable',
    })
    await during(desktop(home, 'unlocked'), async ({ env }) => {
      expect(await call(env, path, 'get')).toMatchObject({ code: 'key_mismatch', backend: 'secret-service' })
      expect(await call(env, path, 'put', 'x')).toMatchObject({ code: 'key_mismatch' })
      expect(await call(env, path, 'put anew', 'after')).toEqual({ ok: true })
      expect(await call(env, path, 'get')).toEqual({ value: 'after' })
    })
  })
})
