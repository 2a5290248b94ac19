import { mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { chain } from '../../src/storage/chain.ts'
import { memoryStore } from '../../src/storage/memory.ts'
import { sealed } from '../../src/storage/sealed.ts'
import { sqliteStore } from '../../src/storage/sqlite/sqlite.ts'
import type { CredentialStore } from '../../src/types.ts'
import { BEFORE, checkAgainstModel, type Views } from './model.ts'

const newPath = () => join(mkdtempSync(join(realpathSync(tmpdir()), 'latchkey-')), 'credentials.db')
const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]

const stores: Readonly<Record<string, () => Views>> = {
  memory: () => {
    const store = memoryStore()
    return [store, store, store]
  },
  'sealed memory, one of them changing keys forth and another back': () => {
    const store = memoryStore()
    return [sealed(store, [one, two]), sealed(store, [two, one]), sealed(store, [one, two])]
  },
  'chain of memory stores': () => {
    const [next, old] = [memoryStore(), memoryStore()]
    return [chain([next, old]), chain([next, old]), chain([next, old])]
  },
  sqlite: () => {
    const path = newPath()
    return [sqliteStore({ path }), sqliteStore({ path }), sqliteStore({ path })]
  },
}

describe('P1 P3 P7 what many do at once could have been done one after the other', { timeout: 120_000 }, () => {
  for (const [name, open] of Object.entries(stores))
    it(name, () => checkAgainstModel(open, { numRuns: name === 'sqlite' ? 30 : 200 }, fc))

  it('a chain while it moves a record', () =>
    checkAgainstModel(
      async (id) => {
        const [next, old] = [slow(memoryStore()), slow(memoryStore())]
        await old.put(id, new TextEncoder().encode(BEFORE), { ifVersion: null })
        return [chain([next, old]), chain([next, old]), chain([next, old])]
      },
      { numRuns: 300 },
      fc,
      BEFORE,
    ))
})

/** As a store is that others use too: before and after each step, others may get in between. */
function slow(store: CredentialStore): CredentialStore {
  const between = () => new Promise((resolve) => (Math.random() < 0.5 ? setImmediate(resolve) : resolve(undefined)))
  const slowed = async <T>(work: () => Promise<T>) => {
    await between()
    const result = await work()
    await between()
    return result
  }
  return {
    ...store,
    get: (id) => slowed(() => store.get(id)),
    put: (id, value, options) => slowed(() => store.put(id, value, options)),
    delete: (id, options) => slowed(() => store.delete(id, options)),
  }
}
