import { spawn } from 'node:child_process'
import { afterEach, expect, it, vi } from 'vitest'
import { api } from '../servers/api.ts'
import { openIdProvider } from '../servers/openid.ts'

afterEach(() => void vi.restoreAllMocks())

it.each(['device-login', 'loopback-login'])('examples/%s.ts signs the user in', async (name) => {
  const as = await openIdProvider()
  const { url, seen } = await api(async ({ headers }) =>
    (await as.isActive((headers.authorization ?? '').replace('Bearer ', '')))
      ? { headers: { 'content-type': 'application/json' }, body: '{"name":"Ada"}' }
      : { status: 401 },
  )
  const env = { ...process.env, API_URL: url, ISSUER: as.issuer, CLIENT_ID: name === 'device-login' ? 'tv' : 'app' }
  const program = spawn(process.execPath, [`examples/${name}.ts`], { env })
  let output = ''
  program.stdout.on('data', async (chunk) => {
    output += chunk
    const [, code] = /type (\S+)/.exec(String(chunk)) ?? []
    const [, place] = /Open (\S+)\n/.exec(String(chunk)) ?? []
    if (code) await as.approve(code)
    else if (place) await fetch(await as.visit(place))
  })
  expect(await new Promise((resolve) => program.on('exit', resolve))).toBe(0)
  expect(output).toContain('Ada')
  expect(seen).toHaveLength(1)
  expect(as.posts('/token/revocation')).toHaveLength(1)
})
