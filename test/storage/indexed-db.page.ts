// What the tests of the IndexedDB store do inside a page.
import { indexedDbStore } from '../../src/storage/indexed-db.ts'
import { cases } from './cases.ts'

export { indexedDbStore }
export const names: string[] = Object.keys(cases)

let opened = 0

/** One case of the contract, over two stores on the same database. */
export async function run(name: string): Promise<void> {
  const database = `contract ${++opened} ${Math.random()}`
  await cases[name]?.(async () => [indexedDbStore(database), indexedDbStore(database)])
}
