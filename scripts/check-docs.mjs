// Compiles every TypeScript block of the README and of docs/, each as a program of its own, against the built package.
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const root = new URL('..', import.meta.url).pathname
const folder = `${root}docs/.blocks/`
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })

const blocks = []
for (const file of [
  'README.md',
  ...globSync('docs/**/*.md', { cwd: root, exclude: ['docs/api/**', 'docs/.blocks/**'] }),
].sort()) {
  const text = readFileSync(root + file, 'utf8')
  for (const [, language, code] of text.matchAll(/^```(tsx?)\n([\s\S]*?)^```/gm)) {
    const line = text.slice(0, text.indexOf(code)).split('\n').length
    const name = `${String(blocks.length).padStart(3, '0')}.${language}`
    blocks.push({ name, file, line })
    writeFileSync(folder + name, `${code}\nexport {}\n`)
  }
}
writeFileSync(`${folder}words.d.ts`, readFileSync(`${root}scripts/docs-words.d.ts`))
writeFileSync(
  `${folder}tsconfig.json`,
  JSON.stringify({
    extends: '../../tsconfig.json',
    compilerOptions: { jsx: 'react-jsx', declaration: false },
    include: ['*.ts', '*.tsx'],
  }),
)

const { stdout, status } = spawnSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', folder, '--pretty', 'false'],
  {
    cwd: root,
    encoding: 'utf8',
  },
)
// An error is shown where its block stands.
for (const line of stdout.split('\n').filter(Boolean)) {
  const [, name, at, rest] = /\.blocks\/(\d+\.tsx?)\((\d+),\d+\): (.*)/.exec(line) ?? []
  const block = blocks.find((candidate) => candidate.name === name)
  console.error(block ? `${block.file}:${block.line + Number(at) - 1} ${rest}` : line)
}
rmSync(folder, { recursive: true, force: true })
console.log(`${blocks.length} blocks of code in README and docs ${status ? 'do not all compile' : 'compile'}`)
process.exit(status ?? 1)
