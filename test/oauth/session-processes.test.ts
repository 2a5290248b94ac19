import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type AtEnd, child, heard, last, rotating } from './processes.ts'
import type { Step } from './session.program.ts'
import { strictProvider } from './strict.ts'

function place(atEnd: AtEnd = onTestFinished): { kind: string; target: string } {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
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
      it.concurrent(`${step} leaves a session that ${lost && habit === 'strict' ? 'says why it is over' : 'goes on'}, at a ${habit} server`, async ({
        onTestFinished: atEnd,
      }) => {
        const { as, told } = await rotating(habit, place(atEnd), atEnd)
        if (step === 'after-post') as.slow = 2000
        const victim = child({ ...told, task: 'renew', dieAt: step }, atEnd)
        await victim.ended
        expect(victim.process.signalCode).toBe('SIGKILL')
        as.slow = 0
        const successor = child({ ...told, task: 'succeed' }, atEnd)
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

it('B4 four processes with one session, 1,000 requests at the moment of expiry, 200 renewals, and access tokens of a second: no refresh token is used twice, and no request fails', async () => {
  const { as, refusals, served, mint } = await strictProvider()
  const told = { store: place(), issuer: as.issuer, api: as.issuer, refreshToken: await mint(), task: 'orders' }
  const children = Array.from({ length: 4 }, () => child(told))
  const requests = () => as.posts('/token').length
  /** Each does it; what they say of it, beside the events. */
  const said = () => children.map((one) => heard(one).filter(({ type }) => type === undefined))
  const all = async (order: string) => {
    const before = said()
    for (const { process } of children) process.stdin.write(`${order}\n`)
    const done = () => said().every((lines, i) => lines.length > (before[i]?.length ?? 0))
    await expect.poll(done, { timeout: 100_000 }).toBe(true)
    return said().map((lines) => lines.at(-1))
  }
  await Promise.all(children.map((one) => one.said('"ready"')))

  as.lifetime = 3
  expect(await all('burst 1')).toEqual(Array(4).fill({ failed: [] }))
  await new Promise((resolve) => setTimeout(resolve, 3100))
  as.lifetime = 600
  const before = requests()
  expect(await all('burst 250')).toEqual(Array(4).fill({ failed: [] }))
  expect(requests() - before).toBe(1)

  const burst = requests()
  expect(await all('rounds 50')).toEqual(Array(4).fill({ rounds: 50 }))
  expect(requests() - burst).toBeGreaterThanOrEqual(50)

  as.lifetime = 1
  await all('rounds 1')
  const rounds = requests()
  const seconds = Number(process.env.LATCHKEY_SOAK ?? 6)
  const say = (text: string) => process.env.LATCHKEY_SOAK && process.stderr.write(`${text}\n`)
  const progress = setInterval(() => say(`${requests() - rounds} renewals, ${served.good} requests served`), 5000)
  const results = await all(`soak ${seconds * 1000}`).finally(() => clearInterval(progress))
  say(`${seconds} s: ${requests() - rounds} renewals (at most ${seconds / 0.8 + 1}), ${served.good} requests served`)
  expect(results.map(({ bad, errors }) => ({ bad, errors }))).toEqual(Array(4).fill({ bad: 0, errors: [] }))
  expect(requests() - rounds).toBeLessThanOrEqual(seconds / 0.8 + 1)

  expect(refusals).toEqual([])
  const spent = as.posts('/token').map(({ form }) => form.get('refresh_token'))
  expect(new Set(spent).size).toBe(spent.length)
}, 120_000)
