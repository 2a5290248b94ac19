import { readFileSync } from 'node:fs'
import esbuild from 'rollup-plugin-esbuild'

// The exports map is the only list of entries: dist/ mirrors src/.
const { exports } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
const input = Object.values(exports)
  .filter((entry) => entry.default)
  .map((entry) => entry.default.replace('./dist/', 'src/').replace(/\.js$/, '.ts'))

export default {
  input,
  external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  treeshake: { moduleSideEffects: false },
  plugins: [esbuild({ target: 'es2022', sourceMap: true })],
  output: { dir: 'dist', format: 'es', sourcemap: true, preserveModules: true, preserveModulesRoot: 'src' },
}
