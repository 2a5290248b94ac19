export default {
  plugins: ['./mutate/node_modules/@stryker-mutator/vitest-runner/dist/src/index.js'],
  testRunner: 'vitest',
  vitest: { configFile: 'mutate/vitest.config.ts', related: true },
  mutate: ['src/http/**', 'src/retry/**', 'src/throttle/*.ts', 'src/pipeline.ts', 'src/oauth/session.ts'],
  coverageAnalysis: 'perTest',
  ignorePatterns: ['/bench', '/dist', '/docs', '/mutate/node_modules', '/test/runtimes', '/examples'],
  concurrency: 2,
  reporters: ['clear-text', 'json'],
}
