import { describe, expect, it } from 'vitest'
import { type QuotaReading, readQuota } from '../../src/throttle/header-fields.ts'
import { type ExpressForm, expressLimiter, fastifyLimiter } from '../servers/limiters.ts'
import { batch } from './batch.ts'

/** What three requests to a limit of two are told. */
async function readings(origin: string): Promise<readonly (QuotaReading | undefined)[]> {
  const read: (QuotaReading | undefined)[] = []
  for (const expected of [200, 200, 429]) {
    const { status, headers } = await fetch(origin)
    expect(status).toBe(expected)
    read.push((await readQuota(headers, status, Date.now()))[0])
  }
  return read
}

const left = (remaining: number, policy: string) =>
  expect.objectContaining({ policy, unit: 'requests', limit: 2, remaining })

describe('limiters that nobody here wrote', () => {
  it.each<[ExpressForm, policy: string, source: string]>([
    ['draft-6', '2;w=5', 'ratelimit-remaining'],
    ['draft-7', '2;w=5', 'ratelimit'],
    ['draft-8', '2-in-5sec', 'ratelimit'],
    ['legacy', 'default', 'x-ratelimit-remaining'],
  ])('T9 express-rate-limit, %s: each answer is understood', async (form, policy, source) => {
    const read = await readings(await expressLimiter(form, 2, 5000))
    expect(read).toEqual([left(1, policy), left(0, policy), left(0, policy)])
    for (const one of read) {
      expect(one?.source).toBe(source)
      // The legacy form names a second in whole seconds, and so does `Date`.
      expect(one?.resetAfter).toBeGreaterThan(1000)
      expect(one?.resetAfter).toBeLessThanOrEqual(form === 'legacy' ? 6000 : 5000)
      expect(one?.window).toBe(form === 'legacy' ? undefined : 5000)
    }
  })

  it.each([
    [false, 'x-ratelimit-remaining'],
    [true, 'ratelimit-remaining'],
  ])('T9 @fastify/rate-limit, draft %s: each answer is understood', async (draft, source) => {
    const read = await readings(await fastifyLimiter(draft, 2, 5000))
    expect(read).toEqual([left(1, 'default'), left(0, 'default'), left(0, 'default')])
    for (const one of read) {
      expect(one?.source).toBe(source)
      expect(one?.resetAfter).toBeGreaterThan(1000)
      expect(one?.resetAfter).toBeLessThanOrEqual(5000)
    }
  })

  it('T8 a batch comes through each of them', async () => {
    const servers: [start: Promise<string>, source: string][] = [
      [expressLimiter('draft-6', 20, 2000), 'ratelimit-remaining'],
      [expressLimiter('draft-7', 20, 2000), 'ratelimit'],
      [expressLimiter('draft-8', 20, 2000), 'ratelimit'],
      [expressLimiter('legacy', 20, 2000), 'x-ratelimit-remaining'],
      [fastifyLimiter(false, 20, 2000), 'x-ratelimit-remaining'],
      [fastifyLimiter(true, 20, 2000), 'ratelimit-remaining'],
    ]
    // Four windows at the best.
    const limits = await Promise.all(servers.map(async ([start]) => batch(await start, 80, 8)))
    expect(limits).toEqual(
      servers.map(([, source]) => [expect.objectContaining({ limit: 20, source, unit: 'requests' })]),
    )
  })
})
