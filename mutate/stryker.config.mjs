import { areas } from './areas.mjs'

const area = process.env.MUTATE_AREA

export default {
  plugins: ['./mutate/node_modules/@stryker-mutator/vitest-runner/dist/src/index.js', './mutate/plugin.mjs'],
  testRunner: 'vitest',
  vitest: { configFile: 'mutate/vitest.config.ts', related: false },
  mutate: areas[area].files,
  coverageAnalysis: 'perTest',
  ignorers: ['messages'],
  checkers: ['sample'],
  ignorePatterns: ['/bench', '/dist', '/mutate/node_modules', '/reports', '/site', '/test/runtimes'],
  concurrency: Number(process.env.MUTATE_CONCURRENCY ?? 2),
  // On a busy machine a slow test is no endless loop.
  timeoutMS: 20_000,
  timeoutFactor: 3,
  reporters: ['json', 'progress-append-only'],
  jsonReporter: { fileName: `reports/mutation/${area}.json` },
  allowEmpty: true,
}
