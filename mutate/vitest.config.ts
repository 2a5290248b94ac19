import { defineConfig } from 'vitest/config'
export default defineConfig({
  test: {
    environment: 'node',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    include: ['test/**/*.test.ts'],
    exclude: ['test/**/*.debian.test.ts', 'test/examples/**', 'test/architecture.test.ts', 'test/types.test.ts'],
  },
})
