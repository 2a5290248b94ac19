import { spawnSync } from 'node:child_process'
import { apiKey, bearer } from 'latchkey'
import { expect, it, onTestFinished } from 'vitest'
import { startGateway } from '../../examples/gateway/gateway.ts'
import { play, scenarios } from '../../examples/gateway/scenarios.ts'

it('the demo passes, and shows a verdict for each scenario', () => {
  const { status, stdout } = spawnSync(process.execPath, ['examples/gateway/demo.ts'], { encoding: 'utf8' })
  expect(stdout.match(/ {2}passed$/gm)).toHaveLength(scenarios.length)
  expect(stdout).toContain(`All ${scenarios.length} passed.`)
  expect(status).toBe(0)
}, 60_000)

it('the gateway lets nobody in without the right credentials, and a client that brings wrong ones fails its verdict', async () => {
  const gateway = await startGateway()
  onTestFinished(() => gateway.close())
  const headers = { 'x-api-key': 'demo-kez', authorization: 'Bearer demo-tokeN', cookie: 'session_key=demo' }
  const signed = {
    'x-key': 'demo-id',
    'x-timestamp': String(Math.floor(Date.now() / 1000)),
    'x-signature': '00'.repeat(32),
  }
  for (const route of gateway.routes)
    for (const wrong of [{}, headers, signed])
      expect((await fetch(gateway.url.slice(0, -1) + route, { headers: wrong })).status).toBe(401)

  for (const scenario of scenarios.slice(0, 7)) {
    const auth = () =>
      scenario.route === 'key-in-header' ? apiKey({ name: 'X-API-Key', value: 'wrong' }) : bearer('wrong')
    const result = await play({ ...scenario, auth }, gateway, () => {})
    expect(result.problem).toContain('401')
  }
})
