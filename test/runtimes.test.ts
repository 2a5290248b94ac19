import { existsSync, globSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'

const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, { default?: string }>
}
const suite = globSync('test/runtimes/*.mjs')
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n')

/** What the suite of the engines cannot hold, why, and where it is held instead. */
const BOUND: Record<string, [why: string, where: string]> = {
  'oauth/browser': ['a window that a user opens', 'test/oauth/browser-login.debian.test.ts'],
  'storage/keychain': ['the keychain of the system, by a native module', 'test/storage/keychain.debian.test.ts'],
  'storage/redis': ['a Redis server', 'test/storage/redis.debian.test.ts'],
  'storage/sqlite': ['files, which three engines have: sqliteChecks', 'test/runtimes/sqlite.mjs'],
  'throttle/redis': ['a Redis server', 'test/throttle/fleet.debian.test.ts'],
}

const load = (file: string): Promise<unknown> => import(pathToFileURL(file).href)
const subPaths = Object.entries(exports).flatMap(([path, { default: file }]) =>
  file ? [{ path: path.slice(2), file }] : [],
)

it.each(subPaths)('each engine runs latchkey/$path, or it is said why not', async ({ path, file }) => {
  const imported = new RegExp(`from 'latchkey${path && `/${path}`}'`).test(suite)
  const bound = BOUND[path]
  expect([imported, bound !== undefined]).toEqual(bound ? [false, true] : [true, false])
  if (bound) return expect(existsSync(bound[1])).toBe(true)
  const names = Object.entries((await load(file)) as object).flatMap(([name, value]) =>
    // Classes come with what throws or makes them; a row of data is read with all others.
    typeof value === 'function' && /^[a-z]/.test(name) && !('family' in value) ? [name] : [],
  )
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(suite))).toEqual([])
})
