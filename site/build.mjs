// Builds the guide into site/dist.
import { spawnSync } from 'node:child_process'

const { status } = spawnSync(
  process.execPath,
  ['node_modules/typedoc/bin/typedoc', '--options', 'typedoc.config.mjs', '--logLevel', 'Error'],
  {
    cwd: import.meta.dirname,
    stdio: 'inherit',
  },
)
if (status === 0) console.log('The guide is in site/dist')
process.exit(status ?? 1)
