// What a user has: the tarball that would be published, installed in a folder of theirs.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { api } from './servers/api.ts'

const run = promisify(execFile)
const own = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, { types?: string }>
  dependencies: Record<string, string>
}
const paths = Object.entries(own.exports).flatMap(([path, { types }]) => (types ? [path.replace('.', 'latchkey')] : []))
const PEER = '@opentelemetry/api'
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-user-'))
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const [{ filename }] = JSON.parse((await run('npm', pack)).stdout)
  // What the package depends on comes from where it is installed already: no registry is asked.
  const installed = [...Object.keys(own.dependencies), '@types/node', PEER].map((name) => [name, `file:${resolve('node_modules', name)}`]) // biome-ignore format: one line
  const dependencies = { ...Object.fromEntries(installed), latchkey: `file:./${filename}` }
  write('package.json', JSON.stringify({ private: true, type: 'module', dependencies }))
  await run('npm', ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder })
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const write = (file: string, text: string) => writeFileSync(join(folder, file), text)
const STRICT = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true, target: 'es2022' }
const resolutions = {
  // A page knows no Node, and a service no page.
  bundler: { module: 'esnext', moduleResolution: 'bundler', lib: ['es2023', 'dom', 'dom.iterable'], types: [] },
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext', lib: ['es2023'], types: ['node'] },
}

/** What the compiler says of a program for each sub-path that imports all it exports. */
async function compiled(resolution: keyof typeof resolutions, paths: string[]): Promise<string> {
  const files = paths.map((path, index) => {
    const names = namesOf(path)
    expect(names.length, path).toBeGreaterThan(0)
    const file = `${resolution}-${index}.ts`
    write(
      file,
      `import { ${names.join(', ')} } from '${path}'
import * as all from '${path}'
// A type that was not found would be \`any\`, in silence.
type Untyped = { [Name in keyof typeof all]: 0 extends 1 & (typeof all)[Name] ? Name : never }[keyof typeof all]
export const untyped: never[] = [] as Untyped[]
`,
    )
    return file
  })
  const project = `tsconfig.${resolution}.json`
  write(project, JSON.stringify({ compilerOptions: { ...STRICT, ...resolutions[resolution] }, files }))
  const compiler = [resolve('node_modules/typescript/bin/tsc'), '--project', project]
  return run(process.execPath, compiler, { cwd: folder }).then(({ stdout }) => stdout, ({ stdout }) => stdout) // biome-ignore format: one line
}

/** The names a sub-path exports, types too, as the report of the public surface has them. */
function namesOf(path: string): string[] {
  const report = readFileSync(`docs/api/${path.replace('latchkey/', '').replaceAll('/', '-')}.md`, 'utf8')
  const declared = report.matchAll(
    /^export (?:declare )?(?:abstract )?(?:const|function|class|interface|type|let) (\w+)/gm,
  )
  const passedOn = report.matchAll(/^export \{ (?:type )?(?:\w+ as )?(\w+) \}/gm)
  return [...new Set([...declared, ...passedOn].map(([, name]) => name as string))]
}

it.each(['bundler', 'nodenext'] as const)(
  'under %s, strictly, every export of every sub-path has its type',
  async (resolution) => {
    expect(await compiled(resolution, paths)).toBe('')
  },
  60_000,
)

it('a program runs, and every sub-path can be imported and required', async () => {
  const { url, seen } = await api(() => ({ headers: { 'content-type': 'application/json' }, body: '{"name":"Ada"}' }))
  write(
    'program.js',
    `import { createRequire } from 'node:module'
import { apiKey, createClient } from 'latchkey'
const api = createClient({ baseUrl: '${url}', auth: apiKey({ name: 'X-API-Key', value: 'key' }) })
const { name } = await api.get('users/42').json()
const require = createRequire(import.meta.url)
let same = 0
for (const path of ${JSON.stringify(paths)}) if (require(path) === await import(path)) same++
console.log(name, same)
`,
  )
  const { stdout, stderr } = await run(process.execPath, ['program.js'], { cwd: folder })
  expect([stdout, stderr]).toEqual([`Ada ${paths.length}\n`, ''])
  expect(seen.map(({ headers }) => headers['x-api-key'])).toEqual(['key'])
}, 60_000)

it('only who exports to OpenTelemetry has to install it', async () => {
  rmSync(join(folder, 'node_modules', PEER))
  const without = paths.filter((path) => !path.endsWith('open-telemetry'))
  expect(await compiled('bundler', without)).toBe('')
  expect(await compiled('bundler', paths)).toContain(PEER)
  write('bare.js', `for (const path of ${JSON.stringify(without)}) await import(path)`)
  expect((await run(process.execPath, ['bare.js'], { cwd: folder })).stderr).toBe('')
}, 60_000)
