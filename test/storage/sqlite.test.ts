import { chmodSync, mkdirSync, mkdtempSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describe as describeStore } from '../../src/storage/describe.ts'
import { keychainStore } from '../../src/storage/keychain/keychain.ts'
import { sqliteStore } from '../../src/storage/sqlite/sqlite.ts'
import { storeContract } from './contract.ts'

const newFolder = () => mkdtempSync(join(realpathSync(tmpdir()), 'latchkey-'))
const newPath = () => join(newFolder(), 'credentials.db')
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
const bytes = (text: string) => new TextEncoder().encode(text)

storeContract('sqlite', async () => {
  const path = newPath()
  return [sqliteStore({ path }), sqliteStore({ path })]
})

storeContract('sqlite with a key', async () => {
  const [path, key] = [newPath(), new Uint8Array(32).fill(7)]
  return [sqliteStore({ path, key }), sqliteStore({ path, key })]
})

it('P10 without a key it refuses who asks for protection at rest; with one it says what it gives', () => {
  const path = newPath()
  expect(() => sqliteStore({ path, requires: { atRest: 'external-key' } })).toThrow(
    expect.objectContaining({ code: 'requirement_not_met' }),
  )
  const key = new Uint8Array(32)
  expect(sqliteStore({ path, key, requires: { atRest: 'external-key' } }).traits).toMatchObject({
    backend: 'sqlite',
    durability: 'power-loss',
  })
})

describe('the sqlite file', () => {
  it('is made for its user alone, with all that stands beside it', async () => {
    const folder = join(newFolder(), 'made', 'here')
    const store = sqliteStore({ path: join(folder, 'credentials.db') })
    await store.put('id', bytes('value'), { ifVersion: null })
    await store.lock('id', async () => {})
    expect(mode(folder)).toBe('700')
    for (const name of ['credentials.db', 'credentials.db-wal', 'credentials.db-shm'])
      expect(mode(join(folder, name))).toBe('600')
    expect(mode(join(folder, 'credentials.db-locks'))).toBe('700')
  })

  it('P3 keeps apart ids that differ only in what other programs make alike', async () => {
    const store = sqliteStore({ path: newPath() })
    const long = 'x'.repeat(1000)
    const ids = [
      '',
      '\0',
      'a\0b',
      'a\0c',
      '\ud800',
      '\ud801',
      '\ufffd',
      'é',
      'e\u0301',
      'A',
      'a',
      `${long}1`,
      `${long}2`,
      "'",
      '"',
      '%22',
    ]
    for (const id of ids)
      expect(await store.put(id, bytes(JSON.stringify(id)), { ifVersion: null })).toMatchObject({ ok: true })
    for (const id of ids) expect((await store.get(id))?.value).toEqual(bytes(JSON.stringify(id)))
    const held = await Promise.all(ids.map((id) => store.lock(id, async () => id)))
    expect(held).toEqual(ids)
  })

  it('is refused when others may open it, with the command that mends it', async () => {
    const path = newPath()
    writeFileSync(path, '')
    chmodSync(path, 0o644)
    const store = sqliteStore({ path })
    const refusal = await store.get('id').catch((error) => error)
    expect(refusal).toMatchObject({ name: 'StoreError', code: 'requirement_not_met', backend: 'sqlite' })
    expect(refusal.message).toContain(`chmod 600 '${path}'`)
    chmodSync(path, 0o600)
    expect(await store.get('id')).toBeUndefined()
  })

  it('is refused in a folder that others may open', async () => {
    const folder = newFolder()
    chmodSync(folder, 0o755)
    await expect(sqliteStore({ path: join(folder, 'x.db') }).get('id')).rejects.toMatchObject({
      code: 'requirement_not_met',
      message: expect.stringContaining(`chmod 700 '${folder}'`),
    })
  })

  it('is one for all who name it, also through a symbolic link: so is its lock', async () => {
    const path = newPath()
    const store = sqliteStore({ path })
    await store.put('id', bytes('value'), { ifVersion: null })
    const link = join(newFolder(), 'link.db')
    symlinkSync(path, link)
    const other = sqliteStore({ path: link })
    expect((await other.get('id'))?.value).toEqual(bytes('value'))
    await store.lock('id', () =>
      expect(other.lock('id', async () => {}, { wait: 50 })).rejects.toMatchObject({ code: 'lock_timeout' }),
    )
  })

  it('P6 says corrupt, not absent, when it is no database, and leaves it as it is', async () => {
    const path = newPath()
    writeFileSync(path, 'no database '.repeat(1000), { mode: 0o600 })
    await expect(sqliteStore({ path }).get('id')).rejects.toMatchObject({ code: 'corrupt' })
    await expect(sqliteStore({ path }).put('id', bytes('x'), { ifVersion: null })).rejects.toMatchObject({
      code: 'corrupt',
    })
    expect(statSync(path).size).toBe(12_000)
  })

  it('is by default in the folder of the user for what programs keep, one per application', async () => {
    const [home, before] = [newFolder(), process.env.XDG_STATE_HOME]
    process.env.XDG_STATE_HOME = home
    try {
      await sqliteStore({ name: 'my-cli' }).put('id', bytes('value'), { ifVersion: null })
      expect(mode(join(home, 'my-cli', 'credentials.db'))).toBe('600')
      expect(await sqliteStore({ name: 'another' }).get('id')).toBeUndefined()
      // The other file, so that one can be moved into the other by a chain.
      const stores = [keychainStore({ service: 'my-cli' }), sqliteStore({ name: 'my-cli' })] as const
      expect(await stores[0].get('id')).toBeUndefined()
      expect(await stores[1].get('id')).toBeDefined()
      expect(() => sqliteStore({ name: '../up' })).toThrow(expect.objectContaining({ code: 'invalid_option' }))
    } finally {
      if (before === undefined) delete process.env.XDG_STATE_HOME
      else process.env.XDG_STATE_HOME = before
    }
  })

  it('tells of itself what a bug report needs, and no path', async () => {
    const path = newPath()
    const store = sqliteStore({ path, key: new Uint8Array(32) })
    expect(JSON.stringify(await describeStore(store))).toContain('"bytes":"absent"')
    await store.put('id', bytes('value'), { ifVersion: null })
    const report = JSON.stringify(await describeStore(store))
    expect(report).toContain('"mode":"600"')
    expect(report).not.toContain(path)
  })

  it('after close every call says so', async () => {
    const store = sqliteStore({ path: newPath() })
    await store.put('id', bytes('value'), { ifVersion: null })
    await store.close()
    await expect(store.get('id')).rejects.toMatchObject({ code: 'closed' })
    await expect(store.lock('id', async () => {})).rejects.toMatchObject({ code: 'closed' })
  })

  it('P5 close ends who waits for a lock, whoever holds it, and takes none from its holder', async () => {
    const path = newPath()
    const [store, other] = [sqliteStore({ path }), sqliteStore({ path })]
    let free = () => {}
    let holding: Promise<string> | undefined
    await new Promise<void>((held) => {
      holding = other.lock('id', async () => {
        held()
        await new Promise<void>((resolve) => (free = resolve))
        return 'held to the end'
      })
    })
    let entered = 0
    const waiting = [1, 2].map(() => store.lock('id', async () => entered++, { wait: 60_000 }))
    const ended = Promise.allSettled(waiting)
    await new Promise((resolve) => setTimeout(resolve, 50))
    await store.close()
    const code = expect.objectContaining({ code: 'closed' })
    expect(await ended).toEqual([1, 2].map(() => ({ status: 'rejected', reason: code })))
    await expect(other.lock('id', async () => {}, { wait: 50 })).rejects.toMatchObject({ code: 'lock_timeout' })
    await other.close()
    free()
    expect(await holding).toBe('held to the end')
    expect(entered).toBe(0)
    await sqliteStore({ path }).lock('id', async () => {}, { wait: 10_000 })
  })

  it('P6 a folder where the file should be is unavailable, not absent', async () => {
    const path = newPath()
    mkdirSync(path, { mode: 0o700 })
    await expect(sqliteStore({ path }).get('id')).rejects.toMatchObject({ code: 'unavailable' })
  })
})
