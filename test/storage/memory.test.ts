import { expect, it } from 'vitest'
import { memoryStore } from '../../src/storage/memory.ts'
import { storeContract } from './contract.ts'

storeContract('memory', async () => {
  const store = memoryStore()
  return [store, store]
})

it('says of itself that it keeps nothing', () => {
  expect(memoryStore().traits).toMatchObject({ durability: 'none', atRest: 'memory-only', scope: 'realm' })
})

it('two memory stores share nothing', async () => {
  const [one, two] = [memoryStore(), memoryStore()]
  await one.put('id', new Uint8Array([1]), { ifVersion: null })
  expect(await two.get('id')).toBeUndefined()
})
