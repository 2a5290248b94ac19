import { defineConfig } from 'vitest/config'
import { areas } from './areas.mjs'

export default defineConfig({
  test: {
    environment: 'node',
    testTimeout: 10_000,
    hookTimeout: 10_000,
    include: areas[process.env.MUTATE_AREA as keyof typeof areas].tests,
  },
})
