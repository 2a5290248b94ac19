import { matchesGlob, relative } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { areas } from './areas.mjs'

const { tests } = areas[process.env.MUTATE_AREA as keyof typeof areas]

/** In the order of the list: the first test that fails is the last that runs. */
class AsListed extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) =>
      tests.findIndex((pattern) => matchesGlob(relative(process.cwd(), moduleId), pattern))
    return files.sort((a, b) => place(a) - place(b))
  }
}

export default defineConfig({
  test: {
    environment: 'node',
    testTimeout: 8_000,
    hookTimeout: 8_000,
    // A test that only a busy machine made fail has noticed nothing; one that hangs has.
    retry: { count: 1, condition: /^(?!Test timed out)/ },
    include: tests,
    sequence: { sequencer: AsListed },
  },
})
