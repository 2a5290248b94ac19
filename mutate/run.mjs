// `npm run mutate` breaks everything that is listed; `npm run mutate -- src/http/date.ts` one file.
import { spawnSync } from 'node:child_process'

const files = process.argv.slice(2)
const args = ['mutate/node_modules/@stryker-mutator/core/bin/stryker.js', 'run', 'mutate/stryker.config.mjs']
const { status } = spawnSync(process.execPath, [...args, ...(files.length ? ['--mutate', files.join(',')] : [])], {
  stdio: 'inherit',
})
process.exit(status ?? 1)
