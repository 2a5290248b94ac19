// Run by the keychain tests in a desktop session of its own: one call on a store, and its outcome as JSON.
import { keychainStore } from '../../src/storage/keychain/keychain.ts'
import type { PutResult, Version } from '../../src/types.ts'

const [task, path, text = ''] = process.argv.slice(2) as [string, string, string?]
const anew = task === 'put anew'
const store = keychainStore({
  service: 'latchkey-test',
  path,
  timeout: 5000,
  ...(anew && { setAside: ['corrupt', 'key_mismatch'] as const }),
})

const outcome = await call().catch(({ name, code, backend, message }) => ({ name, code, backend, message }))
process.stdout.write(JSON.stringify(outcome ?? null))

async function call(): Promise<unknown> {
  if (task === 'get') {
    const entry = await store.get('id')
    return entry && { value: new TextDecoder().decode(entry.value) }
  }
  if (task === 'delete') return store.delete('id')
  if (task === 'write') return writeOn()
  const entry = anew ? undefined : await store.get('id')
  const { ok } = await store.put('id', new TextEncoder().encode(text), { ifVersion: entry?.version ?? null })
  return { ok }
}

/** Writes one number after the other, and says which are done, until it is killed. */
async function writeOn(): Promise<never> {
  setTimeout(() => process.exit(1), 60_000).unref()
  for (let i = 1, version: Version | null = null; ; i++) {
    const result: PutResult = await store.put('id', new TextEncoder().encode(`${i}`), { ifVersion: version })
    if (!result.ok) throw new Error('conflict')
    version = result.version
    process.stdout.write(`${i}\n`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
