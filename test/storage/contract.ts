import { describe, it } from 'vitest'
import { cases, type Open } from './cases.ts'

/** Runs what every store must do. `open` gives two views of the same records, e.g. two connections. */
export function storeContract(name: string, open: Open): void {
  describe(`the store contract: ${name}`, () => {
    for (const [what, run] of Object.entries(cases)) it(what, () => run(open))
  })
}
