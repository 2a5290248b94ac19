import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'

const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, { default?: string }>
}
const entries = Object.entries(exports).flatMap(([path, { default: file }]) => (file ? [{ path, file }] : []))

// Folders that are there for one purpose: who imports another must not pay for them.
const PURPOSES = ['aws', 'hmac', 'message-signatures', 'oauth', 'observe', 'storage', 'version', 'webhooks']
// A folder that another may use, and what every client has.
const SHARED: Record<string, RegExp> = {
  webhooks: /^hmac\//,
}
const EVERYBODY = /^storage\/(memory|turns|listeners|requirements|record-key|whole-lease)/

async function modulesOf(code: string): Promise<string[]> {
  const { metafile } = await build({
    stdin: { contents: code, resolveDir: '.' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    packages: 'external',
    metafile: true,
    logLevel: 'error',
  })
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs))
  return inputs.flatMap(([name, { bytesInOutput }]) =>
    bytesInOutput > 0 && name.startsWith('dist/') ? [name.slice('dist/'.length)] : [],
  )
}

describe.each(entries)('$path', ({ path, file }) => {
  it('tells where its code came from', () => {
    expect(readFileSync(file, 'utf8')).toMatch(/sourceMappingURL=\S+\.js\.map/)
  })

  it('each export brings nothing of another purpose', async () => {
    const own = path.split('/')[1] ?? ''
    const names = Object.keys((await import(`../${file}`)) as object)
    const strays = await Promise.all(
      names.map(async (name) => {
        const modules = await modulesOf(`export { ${name} } from './${file}'`)
        return modules
          .filter((module) => PURPOSES.includes(module.split('/')[0] as string) && module.split('/')[0] !== own)
          .filter((module) => !SHARED[own]?.test(module) && !EVERYBODY.test(module))
          .map((module) => `${name} brings ${module}`)
      }),
    )
    expect(strays.flat()).toEqual([])
  })
})

it('no module has an effect when it is imported', () => {
  const files = JSON.stringify(entries.map(({ file }) => new URL(`../${file}`, import.meta.url).href))
  const program = `
    const now = () => new Map(Reflect.ownKeys(globalThis).map((key) => [key, Object.getOwnPropertyDescriptor(globalThis, key)?.value]))
    globalThis.fetch = () => console.log('fetches')
    new Request('http://x')
    const before = now()
    for (const file of ${files}) {
      await import(file)
      for (const [key, value] of now())
        // Node's own, set when it is first needed.
        if (!Object.is(before.get(key), value) && !String(key).includes('undici')) console.log(file, 'changes', String(key))
    }
    console.log(process.getActiveResourcesInfo().filter((name) => /Timeout|TCP|Immediate/.test(name)).join() || 'quiet')`
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' })
  expect(output.trim()).toBe('quiet')
})

it('one strategy of the face brings none of the others', async () => {
  const modules = await modulesOf("export { apiKey } from './dist/index.js'")
  expect(modules.filter((module) => /^(auth|throttle|retry|oauth)\//.test(module))).toEqual(['auth/api-key.js'])
})
