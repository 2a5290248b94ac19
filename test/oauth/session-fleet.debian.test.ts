import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RedisServer, redisServer } from '../servers/redis.ts'
import { child, heard, last, rotating, stopped } from './processes.ts'
import { strictProvider } from './strict.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await redisServer()
})
afterAll(() => redis.close())

const place = () => ({ kind: 'redis', target: redis.url })

describe('a fleet with one session in Redis', { timeout: 90_000 }, () => {
  it('B4 renews 100 times at a provider that ends the family for a used refresh token, and never uses one', async () => {
    const { as, refusals, mint } = await strictProvider()
    const told = { store: place(), issuer: as.issuer, api: as.issuer, refreshToken: await mint(), task: 'rounds', count: 25 } // biome-ignore format: one line
    const children = Array.from({ length: 4 }, () => child(told))
    expect(await Promise.all(children.map(last))).toEqual(Array(4).fill({ rounds: 25 }))
    expect(refusals).toEqual([])
    const spent = as.posts('/token').map(({ form }) => form.get('refresh_token'))
    expect(new Set(spent).size).toBe(spent.length)
  })

  it.each([
    ['before he wrote what he is about to do', 'before-intent'],
    ['before he sends the refresh token', 'before-post'],
    ['with the answer in his hands', 'after-headers'],
  ] as const)('B6 loses nothing when a holder is stopped beyond his lease %s', async (_, dieAt) => {
    const { as, told } = await rotating('strict', place())
    const holder = child({ ...told, task: 'renew', dieAt, signal: 'SIGSTOP' })
    while (!stopped(holder)) await new Promise((resolve) => setTimeout(resolve, 20))
    const other = child({ ...told, task: 'succeed' })
    // His lease is over four times; what he has written that he begins is respected for longer.
    await new Promise((resolve) => setTimeout(resolve, 4000))
    holder.process.kill('SIGCONT')
    expect(await last(other)).toMatchObject({ outcome: true, after: 'access-4' })
    expect(await last(holder)).toBe('alive')
    expect(as.refusals).toEqual([])
    expect(as.tokenRequests).toHaveLength(2)
  })

  it('B6 goes on without a holder who was killed, once the time of what he had begun is over', async () => {
    const { as, told } = await rotating('strict', place())
    const holder = child({ ...told, task: 'renew', dieAt: 'before-post' })
    await holder.ended
    expect(holder.process.signalCode).toBe('SIGKILL')
    expect(await last(child({ ...told, task: 'succeed' }))).toMatchObject({ outcome: true })
    expect(as.refusals).toEqual([])
    expect(heard(holder).filter(({ type }) => type === 'session_ended')).toEqual([])
  })
})
