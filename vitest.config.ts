import { defineConfig } from 'vitest/config'

// What needs a Debian package is a project of its own: scripts/test.mjs says when it is left out.
const debian = 'test/**/*.debian.test.ts'
// OpenStack Swift is heavy, and a project of its own for that.
const swift = 'test/aws/swift.debian.test.ts'
const shared = { environment: 'node', testTimeout: 30_000, hookTimeout: 60_000 } as const

export default defineConfig({
  test: {
    projects: [
      { test: { ...shared, name: 'node', include: ['test/**/*.test.ts'], exclude: [debian] } },
      { test: { ...shared, name: 'debian', include: [debian], exclude: [swift], fileParallelism: false } },
      { test: { ...shared, name: 'swift', include: [swift] } },
    ],
  },
})
