import { expect, it } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import { chain } from '../../src/storage/chain.ts'
import { describe } from '../../src/storage/describe.ts'
import { memoryStore } from '../../src/storage/memory.ts'
import { passphrase, sealed } from '../../src/storage/sealed.ts'
import { leaks } from '../flows/sinks.ts'

const SECRET = 'Zq7_kV3wX~canary.0123456789'

it('tells of all stores inside, in plain values', async () => {
  const cheap = { algorithm: 'scrypt', scrypt: { cost: 2 } } as const
  const store = chain([sealed(memoryStore(), [new Uint8Array(32), passphrase('x', cheap)]), memoryStore()])
  const report = await describe(store)
  expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  expect(report).toMatchObject({
    backend: 'memory',
    wrapper: 'chain',
    maxBytes: 'unlimited',
    stores: [
      { wrapper: 'sealed', keys: ['bytes', 'passphrase'], store: { backend: 'memory', durability: 'none' } },
      { backend: 'memory' },
    ],
  })
})

it('P8 shows no secret, also of a store that fails', async () => {
  const store = sealed(memoryStore(), passphrase(SECRET, { algorithm: 'scrypt', scrypt: { cost: 2 } }), {
    namespace: 'app',
  })
  await store.put(SECRET, new TextEncoder().encode(SECRET), { ifVersion: null })
  const failing = { ...memoryStore(), details: () => Promise.reject(new Error(SECRET)) }
  const locked = { ...memoryStore(), details: () => { throw new StoreError('locked', 'memory', 'Unlock it.') } } // biome-ignore format: one line
  const reports = await Promise.all([store, failing, locked].map(describe))
  expect(leaks(reports, SECRET)).toEqual([])
  expect(reports[1]).toMatchObject({ backend: 'memory', error: 'failed' })
  expect(reports[2]).toMatchObject({ backend: 'memory', error: 'locked' })
})
