// The contract of the stores, in this engine.
import { memoryStore } from 'latchkey'
import { chain } from 'latchkey/storage/chain'
import { describe } from 'latchkey/storage/describe'
import { indexedDbStore } from 'latchkey/storage/indexed-db'
import { passphrase, sealed } from 'latchkey/storage/sealed'
import { cases } from '../storage/cases.ts'
import { codeOf, equal } from './checks.mjs'

const text = (entry) => entry && new TextDecoder().decode(entry.value)
const key = () => crypto.getRandomValues(new Uint8Array(32))

export function stores({ inBrowser }) {
  const kinds = {
    memory: () => both(memoryStore()),
    sealed() {
      const [store, secret] = [memoryStore(), key()]
      return [sealed(store, secret), sealed(store, secret)]
    },
    chain: () => both(chain([memoryStore(), memoryStore()])),
    ...(inBrowser && {
      'indexed-db'() {
        const name = `contract ${Math.random()}`
        return [indexedDbStore(name), indexedDbStore(name)]
      },
    }),
  }
  const contracts = Object.entries(kinds).map(([kind, open]) => [
    `the contract of stores: ${kind}`,
    async () => {
      const ran = await Promise.allSettled(Object.values(cases).map((run) => run(async () => open())))
      const failed = ran.flatMap(({ reason }, i) => (reason ? [`${Object.keys(cases)[i]}: ${reason}`] : []))
      equal(failed.join('; '), '')
    },
  ])

  return {
    ...Object.fromEntries(contracts),
    async 'a record sealed under a passphrase opens under that one only'() {
      const store = memoryStore()
      const cheap = { argon2id: { memory: 256, passes: 1 }, scrypt: { cost: 1024 } }
      const open = (words) => sealed(store, passphrase(words, cheap))
      await open('correct horse').put('id', new TextEncoder().encode('value'), { ifVersion: null })
      equal(text(await open('correct horse').get('id')), 'value')
      equal(await codeOf(() => open('battery staple').get('id')), 'key_mismatch')
      equal(text(await store.get('id')).includes('value'), false)
    },
    async 'a chain moves what the old store has'() {
      const [old, secret] = [memoryStore(), key()]
      await old.put('id', new TextEncoder().encode('value'), { ifVersion: null })
      const store = chain([sealed(memoryStore(), secret), old])
      equal(text(await store.get('id')), 'value')
      equal(await old.get('id'), undefined)
      equal((await describe(store)).wrapper, 'chain')
    },
  }
}

const both = (store) => [store, store]
