import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import esbuild from 'rollup-plugin-esbuild'

// The exports map is the only list of entries: dist/ mirrors src/.
const { exports } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
const input = Object.values(exports)
  .filter((entry) => entry.default)
  .map((entry) => entry.default.replace('./dist/', 'src/').replace(/\.js$/, '.ts'))

const compiled = esbuild({ target: 'es2022', sourceMap: true })
const apart = './sha2-64.ts'

export default [
  {
    input,
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    treeshake: { moduleSideEffects: false },
    plugins: [
      { resolveId: (id) => (id === apart ? { id: apart.replace('.ts', '.js'), external: 'absolute' } : null) },
      compiled,
    ],
    output: { dir: 'dist', format: 'es', sourcemap: true, preserveModules: true, preserveModulesRoot: 'src' },
  },
  // What a bundler could not take apart by itself: src/crypto/sha2-64.ts says why.
  {
    input: `src/crypto/${apart}`,
    treeshake: { moduleSideEffects: false },
    plugins: [
      { resolveId: (id) => (id.startsWith('@noble/') ? fileURLToPath(import.meta.resolve(id)) : null) },
      compiled,
    ],
    output: {
      file: `dist/crypto/${apart.replace('.ts', '.js')}`,
      format: 'es',
      banner: '/*! @noble/hashes, MIT License, (c) 2022 Paul Miller (paulmillr.com) */',
    },
  },
]
