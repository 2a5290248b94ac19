import { expect, it } from 'vitest'
import { readQuota } from '../../src/throttle/header-fields.ts'
import { haproxyLimiter, nginxLimiter } from '../servers/limiters.ts'
import { batch } from './batch.ts'

it('T9 a stick table of HAProxy: each answer is understood', async () => {
  const origin = await haproxyLimiter(2, 3)
  const left = []
  for (const expected of [200, 200, 429]) {
    const { status, headers } = await fetch(origin)
    expect(status).toBe(expected)
    const [reading] = await readQuota(headers, status, Date.now())
    expect(reading).toMatchObject({ policy: 'default', unit: 'requests', resetAfter: 3000, source: 'ratelimit' })
    left.push(reading?.remaining)
  }
  expect(left).toEqual([1, 0, 0])
})

it('T8 a stick table of HAProxy, which counts what it refuses: a batch comes through', async () => {
  const limits = await batch(await haproxyLimiter(30, 2), 90, 10)
  expect(limits).toContainEqual(expect.objectContaining({ policy: 'default', limit: 30, source: 'ratelimit' }))
})

it('T6 limit_req of nginx, which says only 429: a batch comes through', async () => {
  await batch(await nginxLimiter(50, 10), 150, 40)
})
