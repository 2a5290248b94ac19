import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const program = fileURLToPath(new URL('refusals.program.ts', import.meta.url))

it('T20 every refusal with every kind of body ends without an unhandled rejection or an uncaught error', async () => {
  const child = spawn(process.execPath, ['--unhandled-rejections=strict', '--expose-gc', program])
  let [out, err] = ['', '']
  child.stdout.on('data', (data) => { out += data }) // biome-ignore format: one line
  child.stderr.on('data', (data) => { err += data }) // biome-ignore format: one line
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const { calls, sent } = JSON.parse(out)
  expect(calls).toBeGreaterThan(900)
  expect(sent).toEqual([])
}, 60_000)
