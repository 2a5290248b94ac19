import { globSync, readFileSync } from 'node:fs'

// The exports map is the only list of entries; the guide is what stands in docs/.
const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const entryPoints = Object.values(exports)
  .filter((entry) => entry.types)
  .map((entry) => entry.types.replace('./dist/', '../src/').replace(/\.d\.ts$/, '.ts'))
// Named as they are linked in docs/README.md, which the site's own navigation stands for.
const guide = ['strategies', 'oauth', 'storage', 'throttling', 'quotas', 'hmac', 'message-signatures', 'digest-and-jwt', 'errors', 'observing', 'migration', 'extending'] // biome-ignore format: one line
const pages = globSync('../docs/*.md', { cwd: import.meta.dirname }).filter((page) => !page.endsWith('README.md'))
const rank = (page) => (guide.findIndex((name) => page.endsWith(`/${name}.md`)) + 99) % 99

export default {
  name: 'Latchkey',
  plugin: ['./names.mjs'],
  entryPoints,
  tsconfig: 'tsconfig.json',
  readme: '../README.md',
  projectDocuments: pages.sort((a, b) => rank(a) - rank(b)),
  out: 'dist',
  githubPages: false,
  hideGenerator: true,
  includeVersion: true,
  disableSources: true,
  excludeInternal: true,
  treatWarningsAsErrors: false,
  validation: { notExported: false, invalidLink: true },
  navigationLinks: { npm: 'https://www.npmjs.com/package/latchkey' },
  sort: ['kind', 'alphabetical'],
  navigation: { includeFolders: false },
}
