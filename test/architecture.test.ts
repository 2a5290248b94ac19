import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

// Imports go only downward: what a file may import stands on an earlier line, or in its own folder.
const LAYERS = [
  ['platform', 'types', 'limits', 'errors', 'secret', 'events', 'credential', 'timing'],
  ['crypto', 'http'],
  ['retry', 'token'],
  ['throttle', 'auth', 'hmac', 'webhooks', 'aws', 'message-signatures', 'oauth', 'storage', 'observe', 'version'],
  ['check', 'options', 'shared', 'attempt', 'lifetime', 'pipeline', 'outgoing'],
  ['fetch', 'client', 'call', 'common'],
  ['index'],
]
// A folder that another of its level may use.
const ALLOWED = ['webhooks -> hmac', 'oauth -> storage']
// Where the platform is Node by purpose.
const NODE_ONLY = /^src\/(storage\/(sqlite|keychain)|oauth\/node)/

const files = globSync('src/**/*.ts').map((file) => file.replaceAll('\\', '/'))
const source = (file: string): string => readFileSync(file, 'utf8')
const importsOf = (file: string): string[] =>
  [...source(file).matchAll(/(?:from|import\()\s*'([^'\n]+)'/g)].map((match) => match[1] as string)
const local = (file: string): string[] =>
  importsOf(file)
    .filter((name) => name.startsWith('.'))
    .map((name) => normalize(join(dirname(file), name)).replaceAll('\\', '/'))
const unitOf = (file: string): string => (file.split('/')[1] as string).replace(/\.ts$/, '')
const layerOf = (file: string): number => LAYERS.findIndex((layer) => layer.includes(unitOf(file)))

describe('the architecture', () => {
  it('every file has a layer, and imports only downward', () => {
    const faults = files.flatMap((file) => {
      if (layerOf(file) < 0) return [`${file} is in no layer`]
      return local(file)
        .filter((target) => unitOf(target) !== unitOf(file))
        .filter((target) => !ALLOWED.includes(`${unitOf(file)} -> ${unitOf(target)}`))
        .filter(
          (target) =>
            layerOf(target) > layerOf(file) ||
            (layerOf(target) === layerOf(file) && isFolder(target) && isFolder(file)),
        )
        .map((target) => `${file} imports ${target}`)
    })
    expect(faults).toEqual([])
  })

  it('no file imports itself through others', () => {
    const runtime = (file: string) =>
      [...source(file).matchAll(/^(?:import|export)(?! type)[^;]*?from\s*'(\.[^']+)'/gm)].map((match) =>
        normalize(join(dirname(file), match[1] as string)),
      )
    const state = new Map<string, 'open' | 'done'>()
    const visit = (file: string, path: string[]): string[] => {
      if (state.get(file) === 'open') return [[...path, file].join(' -> ')]
      if (state.get(file) === 'done') return []
      state.set(file, 'open')
      const found = runtime(file).flatMap((target) => visit(target, [...path, file]))
      state.set(file, 'done')
      return found
    }
    expect(files.flatMap((file) => visit(file, []))).toEqual([])
  })

  it('a file is read in one sitting: under 250 lines', () => {
    expect(files.filter((file) => source(file).split('\n').length > 250)).toEqual([])
  })

  it('Node appears only where a file is about Node, and nothing writes to the console', () => {
    const node = files.filter(
      (file) => !NODE_ONLY.test(file) && importsOf(file).some((name) => name.startsWith('node:')),
    )
    expect(node).toEqual([])
    // What Node, Deno and Bun have as native code comes from one file, and everything works without it.
    const builtin = files.filter((file) => !NODE_ONLY.test(file) && source(file).includes('getBuiltinModule'))
    expect(builtin).toEqual(['src/crypto/native.ts'])
    expect(files.filter((file) => /\bconsole\./.test(source(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')))).toEqual(
      [],
    )
  })

  it('exports, files and the table of the README are the same', () => {
    const { exports, dependencies, peerDependencies } = JSON.parse(source('package.json')) as {
      exports: Record<string, { default?: string }>
      dependencies: object
      peerDependencies: object
    }
    const paths = Object.entries(exports).filter(([, entry]) => entry.default)
    for (const [, entry] of paths)
      expect(existsSync((entry.default as string).replace('./dist/', 'src/').replace(/\.js$/, '.ts'))).toBe(true)
    const readme = source('README.md')
    const missing = paths
      .map(([path]) => path.replace('.', 'latchkey'))
      .filter((name) => !readme.includes(`\`${name}\``) && !readme.includes(`\`${name.replace(/\/[^/]+$/, '/…')}\``))
    expect(missing).toEqual([])
    const foreign = new Set(
      files
        .flatMap(importsOf)
        .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
        .map((name) => name.match(/^(@[^/]+\/)?[^/]+/)?.[0] as string),
    )
    expect([...foreign].filter((name) => !(name in dependencies) && !(name in peerDependencies))).toEqual([])
  })

  it('only the face imports ky, and only oauth imports oauth4webapi', () => {
    const users = (name: string) => files.filter((file) => importsOf(file).includes(name)).map(unitOf)
    expect(new Set(users('ky'))).toEqual(new Set(['client', 'call', 'index']))
    expect(users('oauth4webapi').every((unit) => unit === 'oauth')).toBe(true)
  })
})

function isFolder(file: string): boolean {
  return file.split('/').length > 2
}
