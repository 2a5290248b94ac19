import { memoryStore } from '../../src/storage/memory.ts'
import { sealed } from '../../src/storage/sealed.ts'
import { storeContract } from './contract.ts'

storeContract('sealed memory', async () => {
  const inner = memoryStore()
  const key = crypto.getRandomValues(new Uint8Array(32))
  return [sealed(inner, key), sealed(inner, key)]
})
