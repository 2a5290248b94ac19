import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { child, heard, last, rotating } from './processes.ts'
import type { Step } from './session.program.ts'
import { strictProvider } from './strict.ts'

function place(): { kind: string; target: string } {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return { kind: 'sqlite', target: join(folder, 'credentials.db') }
}

describe('B8 a process killed', () => {
  const steps: [Step, { requests: number; lost?: boolean }][] = [
    ['before-intent', { requests: 2 }],
    ['before-post', { requests: 2 }],
    ['after-post', { requests: 3, lost: true }],
    ['after-headers', { requests: 3, lost: true }],
    ['after-journal', { requests: 2 }],
    ['after-commit', { requests: 3 }],
  ]
  for (const habit of ['strict', 'grace'] as const)
    for (const [step, { requests, lost }] of steps.filter(([, { lost }]) => lost || habit === 'strict'))
      it(`${step} leaves a session that ${lost && habit === 'strict' ? 'says why it is over' : 'goes on'}, at a ${habit} server`, async () => {
        const { as, told } = await rotating(habit, place())
        if (step === 'after-post') as.slow = 300
        const victim = child({ ...told, task: 'renew', dieAt: step })
        await victim.ended
        expect(victim.process.signalCode).toBe('SIGKILL')
        as.slow = 0
        const successor = child({ ...told, task: 'succeed' })
        const { first, outcome, after } = await last(successor)
        // A token that is good is served, whatever became of the refresh token.
        const before = heard(victim).find(({ token }) => token)?.token
        expect(first).toBe(step === 'after-commit' ? 'access-4' : before)
        if (lost && habit === 'strict') {
          expect(outcome).toEqual({ code: 'session_ended', reason: 'answer_lost' })
          expect(after).toBe(before)
          expect(heard(successor).filter(({ type }) => type === 'session_ended')).toHaveLength(1)
        } else {
          expect(outcome).toBe(true)
          expect(after).not.toBe(first)
          expect(as.refusals).toEqual([])
        }
        expect(as.tokenRequests).toHaveLength(requests)
      })
})

describe('B4 several processes with one session', () => {
  it('make one token request when 1,000 requests meet the moment of expiry, and none fails', async () => {
    const { as, told } = await rotating('strict', place())
    as.lifetime = 3
    const children = Array.from({ length: 4 }, () => child({ ...told, task: 'burst', count: 250 }))
    await Promise.all(children.map((one) => one.said('"ready"')))
    const before = as.tokenRequests.length
    await new Promise((resolve) => setTimeout(resolve, 3100))
    as.lifetime = 600
    for (const { process } of children) process.stdin.write('go\n')
    const results = await Promise.all(children.map(last))
    expect(results).toEqual(Array(4).fill({ failed: [] }))
    expect(as.tokenRequests.length - before).toBe(1)
    expect(as.refusals).toEqual([])
  })

  it('renew 200 times between them at a provider that ends the family for a used refresh token, and never use one', async () => {
    const { as, refusals, mint } = await strictProvider()
    const told = { store: place(), issuer: as.issuer, api: as.issuer, refreshToken: await mint(), task: 'rounds', count: 50 } // biome-ignore format: one line
    const children = Array.from({ length: 4 }, () => child(told))
    expect(await Promise.all(children.map(last))).toEqual(Array(4).fill({ rounds: 50 }))
    expect(refusals).toEqual([])
    const spent = as.posts('/token').map(({ form }) => form.get('refresh_token'))
    expect(new Set(spent).size).toBe(spent.length)
    expect(spent.length).toBeGreaterThan(50)
  })

  it('use access tokens of a second for ten seconds: one renewal in each window, no refusal, no failed request', async () => {
    const seconds = Number(process.env.LATCHKEY_SOAK ?? 10)
    const { as, refusals, served, mint } = await strictProvider()
    as.lifetime = 1
    const told = { store: place(), issuer: as.issuer, api: as.issuer, refreshToken: await mint(), task: 'soak', count: seconds * 1000 } // biome-ignore format: one line
    const children = Array.from({ length: 4 }, () => child(told))
    const progress = setInterval(() => {
      if (process.env.LATCHKEY_SOAK)
        process.stderr.write(`${as.posts('/token').length} renewals, ${served.good} good, ${served.bad} refused by the API, ${refusals.length} by the server\n`) // biome-ignore format: one line
    }, 5000)
    const results = await Promise.all(children.map(last)).finally(() => clearInterval(progress))
    expect(results.map(({ bad, errors }) => ({ bad, errors }))).toEqual(Array(4).fill({ bad: 0, errors: [] }))
    expect(refusals).toEqual([])
    expect(as.posts('/token').length).toBeLessThanOrEqual(seconds / 0.8 + 1)
    if (process.env.LATCHKEY_SOAK)
      process.stderr.write(`${seconds} s: ${as.posts('/token').length} renewals (at most ${seconds / 0.8 + 1}), ${served.good} requests served\n`) // biome-ignore format: one line
  }, 120_000)
})
