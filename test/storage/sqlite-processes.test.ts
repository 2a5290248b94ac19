import { mkdtempSync, readFileSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { chain } from '../../src/storage/chain.ts'
import { sqliteStore } from '../../src/storage/sqlite/sqlite.ts'
import type { CredentialStore } from '../../src/types.ts'
import { program, start } from './processes.ts'

const newFolder = () => mkdtempSync(join(realpathSync(tmpdir()), 'latchkey-'))
const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value)

function place() {
  const folder = newFolder()
  const path = join(folder, 'credentials.db')
  return { folder, path, store: sqliteStore({ path }) }
}

describe('sqlite among processes', { timeout: 180_000 }, () => {
  it('P1 four processes lose none of 800 updates', async () => {
    const { path, store } = place()
    await Promise.all(Array.from({ length: 4 }, () => start(['increment', 'sqlite', path, 'id', '200']).ended))
    expect(text((await store.get('id'))?.value)).toBe('800')
  })

  it('P6 is never taken for the file of another program while others make it', async () => {
    for (let round = 0; round < 5; round++) {
      const { path, store } = place()
      const starting = Array.from({ length: 4 }, () => start(['increment', 'sqlite', path, 'id', '1']).ended)
      await Promise.all(starting)
      expect(text((await store.get('id'))?.value)).toBe('4')
    }
  })

  it('P1 four worker threads lose none of 800 updates', async () => {
    const { path, store } = place()
    const thread = () =>
      new Promise((resolve, reject) => {
        const worker = new Worker(program, { workerData: ['increment', 'sqlite', path, 'id', '200'], stdout: true })
        worker.on('error', reject).on('exit', resolve)
      })
    await Promise.all([thread(), thread(), thread(), thread()])
    expect(text((await store.get('id'))?.value)).toBe('800')
  })

  it('the lock has one holder in 300 contended rounds', async () => {
    const { folder, path } = place()
    await Promise.all(Array.from({ length: 4 }, () => start(['exclude', 'sqlite', path, 'id', '75'], { folder }).ended))
    expect(readFileSync(join(folder, 'count'), 'utf8')).toBe('300')
  })

  it('P4 a put under the lock outlives its process, and the lock is free within a second', async () => {
    const { path, store } = place()
    const holder = start(['hold', 'sqlite', path, 'id', '0'])
    await holder.said('held')
    await expect(store.lock('id', async () => {}, { wait: 100 })).rejects.toMatchObject({ code: 'lock_timeout' })
    await holder.kill()
    expect(await store.lock('id', async () => text((await store.get('id'))?.value), { wait: 1000 })).toBe(
      'put under the lock',
    )
  })

  it('the lock is not taken from a stopped holder, and reads and writes do not wait for it', async () => {
    const { path, store } = place()
    const holder = start(['hold', 'sqlite', path, 'id', '0'])
    await holder.said('held')
    holder.process.kill('SIGSTOP')
    await expect(store.lock('id', async () => {}, { wait: 1500 })).rejects.toMatchObject({ code: 'lock_timeout' })
    const entry = await store.get('id')
    expect(await store.put('id', new Uint8Array(1), { ifVersion: entry?.version ?? null })).toMatchObject({ ok: true })
    holder.process.kill('SIGCONT')
    await holder.kill()
  })

  it('P3 a writer killed at 200 moments leaves the old record or the new one, whole', async () => {
    await Promise.all([killed(100), killed(100)])
  })
})

it('P3 P6 two processes that move 60 records are killed again and again: all are found, each where it belongs', async () => {
  const { path, store: old } = place()
  const store = sqliteStore({ path: `${path}.new` })
  const ids = Array.from({ length: 60 }, (_, i) => String(i))
  for (const id of ids) await old.put(id, new TextEncoder().encode(`record ${id}`), { ifVersion: null })
  const among = async (one: CredentialStore) => (await Promise.all(ids.map((id) => one.get(id)))).filter(Boolean).length
  let unfinished = 0
  for (let round = 0; round < 20 && (await among(store)) < 60; round++) {
    const movers = [1, 2].map(() => start(['move', 'chain', path, '', '60']))
    for (const mover of movers) {
      while (!mover.lines.length && mover.process.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 1))
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 8))
      if (!mover.lines.includes('done')) unfinished++
      await mover.kill()
    }
    // No process but those that were killed knows where a record is: each is in the one file or the other, or in both.
    for (const id of ids) expect(text((await store.get(id))?.value ?? (await old.get(id))?.value)).toBe(`record ${id}`)
  }
  expect(unfinished).toBeGreaterThan(2)
  const both = chain([store, old])
  for (const id of ids) {
    const entry = await both.get(id)
    expect(text(entry?.value)).toBe(`record ${id}`)
    // A copy that a killed move left where it was goes with the next write.
    expect(await both.put(id, new Uint8Array(1), { ifVersion: entry?.version ?? null })).toMatchObject({ ok: true })
  }
  expect([await among(store), await among(old)]).toEqual([60, 0])
}, 120_000)

async function killed(times: number): Promise<void> {
  const { path, store } = place()
  for (let kill = 0, known = 0; kill < times; kill++) {
    const writer = start(['write', 'sqlite', path, 'id', String(known + 1)])
    await writer.said(String(known + 1))
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 10))
    await writer.kill()
    const last = Number(writer.lines.at(-1))
    const value = text((await store.get('id'))?.value)
    known = Number(value.split(' ')[0])
    expect(value).toBe(`${known} `.repeat(700))
    // What it said was on disk; one more may have been, before it could say so.
    expect([last, last + 1]).toContain(known)
  }
}
