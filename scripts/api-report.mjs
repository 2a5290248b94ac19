// The public surface, one file for each sub-path: a change of it shows in review. `--check` fails where it is not as committed.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { parseSync } from 'oxc-parser'

const root = new URL('..', import.meta.url).pathname
const folder = `${root}docs/api/`
const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
const modules = new Map()

const reports = Object.entries(exports)
  .filter(([, entry]) => entry.types)
  .map(([path, { types }]) => [
    `${path === '.' ? 'latchkey' : path.slice(2).replaceAll('/', '-')}.md`,
    report(path, types),
  ])

const check = process.argv.includes('--check')
const stale = reports.filter(([name, text]) => read(folder + name) !== text).map(([name]) => name)
const gone = existsSync(folder) ? readdirSync(folder).filter((name) => !reports.some(([known]) => known === name)) : []
if (check) {
  for (const name of [...stale, ...gone]) console.error(`docs/api/${name} is not what the package exports: npm run api`)
  process.exit(stale.length + gone.length ? 1 : 0)
}
mkdirSync(folder, { recursive: true })
for (const name of gone) rmSync(folder + name)
for (const [name, text] of reports) writeFileSync(folder + name, text)
console.log(`${reports.length} reports, ${stale.length} changed`)

function report(path, types) {
  const names = exported(normalize(join(root, types)))
  const declarations = [...names].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text)
  return `# ${path.replace('.', 'latchkey')}\n\n\`\`\`ts\n${declarations.join('\n')}\n\`\`\`\n`
}

/** What a declaration file exports, by name, as text without comments. */
function exported(file) {
  const { locals, statements, source } = load(file)
  const found = new Map()
  const follow = (specifier) => normalize(join(dirname(file), specifier.replace(/\.ts$/, '.d.ts')))
  for (const node of statements) {
    if (node.type === 'ExportAllDeclaration') {
      for (const [name, text] of exported(follow(node.source.value))) found.set(name, text)
    } else if (node.type === 'ExportNamedDeclaration' && node.declaration) {
      for (const name of namesOf(node.declaration)) found.set(name, plain(source.slice(node.start, node.end)))
    } else if (node.type === 'ExportNamedDeclaration') {
      for (const { local, exported: as } of node.specifiers) {
        const [from, name] = [node.source?.value, as.name ?? as.value]
        const there = from?.startsWith('.') ? exported(follow(from)).get(local.name) : undefined
        const text = there ?? (from ? undefined : locals.get(local.name))
        found.set(
          name,
          text ??
            `export { ${local.name === name ? name : `${local.name} as ${name}`} } from '${from ?? file.replace(root, '')}'`,
        )
      }
    }
  }
  return found
}

function load(file) {
  if (modules.has(file)) return modules.get(file)
  const source = readFileSync(file, 'utf8')
  const statements = parseSync(file, source).program.body
  const locals = new Map()
  for (const node of statements) {
    if (node.type === 'ImportDeclaration')
      for (const { local } of node.specifiers)
        locals.set(local.name, `export { ${local.name} } from '${node.source.value}'`)
    const declaration = node.type === 'ExportNamedDeclaration' ? node.declaration : node
    if (declaration && declaration.type !== 'ImportDeclaration')
      for (const name of namesOf(declaration)) locals.set(name, plain(source.slice(node.start, node.end)))
  }
  const module = { source, statements, locals }
  modules.set(file, module)
  return module
}

function namesOf(node) {
  if (node.declarations) return node.declarations.map(({ id }) => id.name)
  return node.id ? [node.id.name] : []
}

function plain(text) {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter(Boolean)
    .join('\n')
}

function read(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}
