import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { OAuthError, StoreError } from '../../src/errors.ts'
import { createRenewal, type Obtain, patiently, same } from '../../src/oauth/renewal.ts'
import { Secret } from '../../src/secret.ts'
import type { AccessToken, TokenContext } from '../../src/types.ts'
import { given, textOf } from './token.ts'

const NOW = Date.UTC(2026, 10, 28)
beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const token = (value: string, lifetime?: number): AccessToken => ({
  value: new Secret(value),
  type: 'Bearer',
  ...(lifetime !== undefined && { expiresAt: Date.now() + lifetime }),
})
const unavailable = (wait?: number) =>
  new OAuthError('token_unavailable', 'Later.', { retryAt: wait === undefined ? undefined : Date.now() + wait })

/** Gives `t1`, `t2` … of that lifetime, 100 ms after each was asked for. */
function numbered(lifetime?: number) {
  const asked: (string | undefined)[] = []
  const obtain = vi.fn<Obtain>(async (replaced) => {
    asked.push(replaced && textOf(replaced))
    const made = asked.length
    await new Promise((resolve) => setTimeout(resolve, 100))
    return { token: token(`t${made}`, lifetime) }
  })
  return { obtain, asked }
}

/** The call, with as much time as it takes. */
async function timed<T>(call: Promise<T>, time = 200): Promise<T> {
  call.catch(() => {})
  await vi.advanceTimersByTimeAsync(time)
  return call
}

describe('one token for many', () => {
  it('is obtained once, told of once, and held', async () => {
    const { obtain, asked } = numbered()
    const renewal = createRenewal(obtain)
    const report = vi.fn<TokenContext['report']>()
    const both = await timed(Promise.all([renewal.token(given({ report })), renewal.token(given())]))
    expect(both.map(textOf)).toEqual(['t1', 't1'])
    await vi.advanceTimersByTimeAsync(10_000_000)
    expect(textOf(await renewal.token(given()))).toBe('t1')
    expect(asked).toEqual([undefined])
    expect(report.mock.calls).toEqual([[{ type: 'renew', outcome: 'renewed', duration: 100 }]])
  })

  it('is renewed in the background in the last fifth of its life, at most a minute', async () => {
    for (const [lifetime, due] of [
      [100_000, 80_000],
      [1_000_000, 940_000],
    ] as const) {
      const { obtain, asked } = numbered(lifetime)
      const renewal = createRenewal(obtain)
      await timed(renewal.token(given()), 100)
      await vi.advanceTimersByTimeAsync(due - 1)
      expect(textOf(await renewal.token(given()))).toBe('t1')
      expect(asked).toHaveLength(1)
      await vi.advanceTimersByTimeAsync(1)
      // Nobody waits for it, and nobody begins another.
      expect(textOf(await renewal.token(given()))).toBe('t1')
      expect(textOf(await renewal.token(given()))).toBe('t1')
      expect(asked).toEqual([undefined, 't1'])
      await vi.advanceTimersByTimeAsync(100)
      expect(textOf(await renewal.token(given()))).toBe('t2')
    }
  })

  it('up to a quarter of that later, so that not all do it at once', async () => {
    vi.mocked(Math.random).mockReturnValue(1)
    const { obtain, asked } = numbered(100_000)
    const renewal = createRenewal(obtain)
    await timed(renewal.token(given()), 100)
    await vi.advanceTimersByTimeAsync(84_999)
    await renewal.token(given())
    expect(asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    await renewal.token(given())
    expect(asked).toHaveLength(2)
  })

  it('is waited for once it has ended, by either clock', async () => {
    for (const pass of [() => vi.advanceTimersByTime(100_000), () => vi.setSystemTime(NOW + 5_000_000)]) {
      vi.setSystemTime(NOW)
      const { obtain } = numbered(100_000)
      const renewal = createRenewal(obtain)
      await timed(renewal.token(given()), 100)
      pass()
      expect(textOf(await timed(renewal.token(given())))).toBe('t2')
    }
  })

  it('is replaced when it was refused, once for all who were', async () => {
    const { obtain, asked } = numbered()
    const renewal = createRenewal(obtain)
    const old = await timed(renewal.token(given()))
    const both = Promise.all([renewal.renew(old, [], given()), renewal.renew(old, [], given())])
    expect(await timed(both)).toEqual([true, true])
    expect(await renewal.renew(old, [], given())).toBe(true)
    expect(asked).toEqual([undefined, 't1'])
  })

  it('is not replaced by itself', async () => {
    const renewal = createRenewal(async () => ({ token: token('t') }))
    const old = await renewal.token(given())
    expect(await renewal.renew(old, [], given())).toBe(false)
    expect([same(old, token('t')), same(old, token('u'))]).toEqual([true, false])
  })

  it('one that joined somebody else’s flight is not given the token that was refused', async () => {
    const { obtain, asked } = numbered()
    obtain.mockImplementationOnce(async () => {
      asked.push('first')
      await new Promise((resolve) => setTimeout(resolve, 100))
      return { token: token('refused') }
    })
    const renewal = createRenewal(obtain)
    const first = renewal.token(given())
    const second = renewal.renew(token('refused'), [], given())
    expect(textOf(await timed(first, 300))).toBe('refused')
    expect(await second).toBe(true)
    expect(asked).toEqual(['first', 'refused'])
  })

  it('is forgotten, and so is what is under way', async () => {
    const { obtain, asked } = numbered()
    const renewal = createRenewal(obtain)
    await timed(renewal.token(given()))
    renewal.forget()
    const under = renewal.token(given())
    renewal.forget()
    expect(textOf(await timed(under))).toBe('t3')
    expect(textOf(await timed(renewal.token(given())))).toBe('t3')
    expect(asked).toHaveLength(3)
  })

  it('the abort of one ends nobody else’s wait', async () => {
    const { obtain, asked } = numbered()
    const renewal = createRenewal(obtain)
    const control = new AbortController()
    const one = renewal.token(given({ signal: control.signal }))
    const other = renewal.token(given())
    control.abort('enough')
    await expect(one).rejects.toBe('enough')
    expect(textOf(await timed(other))).toBe('t1')
    expect(asked).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('a flight that nobody hears of again is taken over after 31 s', async () => {
    const { obtain } = numbered()
    obtain.mockImplementationOnce(() => new Promise(() => {}))
    const renewal = createRenewal(obtain)
    const call = renewal.token(given())
    await vi.advanceTimersByTimeAsync(30_999)
    expect(obtain).toHaveBeenCalledTimes(1)
    expect(textOf(await timed(call))).toBe('t1')
    expect(obtain).toHaveBeenCalledTimes(2)
  })
})

describe('a failure', () => {
  it('reaches all who waited, and is asked again by the next', async () => {
    const { obtain } = numbered()
    const error = unavailable()
    obtain.mockRejectedValueOnce(error)
    const renewal = createRenewal(obtain)
    const report = vi.fn<TokenContext['report']>()
    const both = await timed(Promise.allSettled([renewal.token(given({ report })), renewal.token(given())]))
    expect(both.map((one) => one.status === 'rejected' && one.reason)).toEqual([error, error])
    expect(report.mock.calls).toEqual([[{ type: 'renew', outcome: 'failed', duration: 0, code: 'token_unavailable' }]])
    expect(textOf(await timed(renewal.token(given())))).toBe('t1')
  })

  it('that says when to come back is all there is until then', async () => {
    const { obtain } = numbered()
    obtain.mockImplementationOnce(async () => {
      throw unavailable(5000)
    })
    const renewal = createRenewal(obtain)
    await expect(timed(renewal.token(given()), 0)).rejects.toMatchObject({ code: 'token_unavailable' })
    await vi.advanceTimersByTimeAsync(4999)
    await expect(renewal.token(given())).rejects.toMatchObject({ code: 'token_unavailable' })
    expect(obtain).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(textOf(await timed(renewal.token(given())))).toBe('t1')
  })

  it('of one that was forgotten holds nobody back', async () => {
    const { obtain } = numbered()
    obtain.mockImplementationOnce(async () => {
      throw unavailable(5000)
    })
    const renewal = createRenewal(obtain)
    await expect(timed(renewal.token(given()), 0)).rejects.toThrow()
    renewal.forget()
    expect(textOf(await timed(renewal.token(given())))).toBe('t1')
  })

  it('in the background is not tried again for 10 s, and the token that is left is used', async () => {
    const { obtain } = numbered(100_000)
    const renewal = createRenewal(obtain)
    await timed(renewal.token(given()), 100)
    await vi.advanceTimersByTimeAsync(80_000)
    obtain.mockRejectedValueOnce(new Error('broken'))
    for (const [wait, calls] of [
      [0, 2],
      [9999, 2],
      [1, 3],
    ] as const) {
      await vi.advanceTimersByTimeAsync(wait)
      expect(textOf(await renewal.token(given()))).toBe('t1')
      await vi.advanceTimersByTimeAsync(0)
      expect(obtain).toHaveBeenCalledTimes(calls)
    }
  })
})

describe('a look at what the others have', () => {
  it('is taken once a second, by one for all', async () => {
    const { obtain } = numbered()
    const look = vi.fn(async (held: AccessToken) => held)
    const renewal = createRenewal(obtain, look)
    await timed(renewal.token(given()), 100)
    await vi.advanceTimersByTimeAsync(1000)
    await renewal.token(given())
    expect(look).toHaveBeenCalledTimes(0)
    await vi.advanceTimersByTimeAsync(1)
    await Promise.all([renewal.token(given()), renewal.token(given())])
    expect(look).toHaveBeenCalledTimes(1)
    await renewal.token(given())
    await vi.advanceTimersByTimeAsync(1001)
    await renewal.token(given())
    expect(look).toHaveBeenCalledTimes(2)
    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('gives the newer token in place of the held one, and none where it is of no use any more', async () => {
    const { obtain } = numbered()
    const look = vi.fn(async (): Promise<AccessToken | undefined> => token('newer'))
    const renewal = createRenewal(obtain, look)
    await timed(renewal.token(given()), 100)
    await vi.advanceTimersByTimeAsync(1001)
    expect(textOf(await renewal.token(given()))).toBe('newer')
    await vi.advanceTimersByTimeAsync(1001)
    look.mockResolvedValue(undefined)
    expect(textOf(await timed(renewal.token(given())))).toBe('t2')
  })

  it('that fails says nothing when it is the store, and drops the token when it is not', async () => {
    const { obtain } = numbered()
    const look = vi.fn(async (held: AccessToken) => held)
    const renewal = createRenewal(obtain, look)
    await timed(renewal.token(given()), 100)
    await vi.advanceTimersByTimeAsync(1001)
    look.mockRejectedValueOnce(new StoreError('unavailable', 'memory', 'Down.'))
    expect(textOf(await renewal.token(given()))).toBe('t1')
    // It was no look, so the next call takes one.
    await renewal.token(given())
    expect(look).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(1001)
    look.mockRejectedValueOnce(new OAuthError('session_ended', 'Over.'))
    expect(textOf(await timed(renewal.token(given())))).toBe('t2')
  })

  it('waits for nobody who gave up', async () => {
    const { obtain } = numbered()
    const renewal = createRenewal(obtain, () => new Promise(() => {}))
    await timed(renewal.token(given()), 100)
    await vi.advanceTimersByTimeAsync(1001)
    await expect(renewal.token(given({ signal: AbortSignal.abort('gone') }))).rejects.toBe('gone')
  })
})

describe('patience', () => {
  const always = () => true

  it('asks four times, with growing waits, and no longer than 30 s', async () => {
    vi.mocked(Math.random).mockReturnValue(1)
    const times: number[] = []
    const obtain = async () => {
      times.push(Date.now() - NOW)
      throw unavailable()
    }
    await expect(timed(patiently(obtain, always), 60_000)).rejects.toMatchObject({ code: 'token_unavailable' })
    expect(times).toEqual([0, 1000, 3000, 7000])
  })

  it('waits as long as it is asked to, where that is within the time', async () => {
    for (const [wait, asked] of [
      [30_000, 2],
      [30_001, 1],
    ]) {
      const obtain = vi.fn(async () => token('t'))
      obtain.mockImplementationOnce(async () => {
        throw unavailable(wait)
      })
      await timed(
        patiently(obtain, always).catch(() => {}),
        60_000,
      )
      expect(obtain).toHaveBeenCalledTimes(asked as number)
    }
  })

  it.each([
    ['what no wait lifts', () => new OAuthError('session_ended', 'Over.'), always],
    ['another error', () => new Error('broken'), always],
    ['what may not be repeated', unavailable, () => false],
  ])('not for %s', async (_, make, repeatable) => {
    const obtain = vi.fn(async () => {
      throw make()
    })
    await expect(timed(patiently(obtain, repeatable), 60_000)).rejects.toThrow()
    expect(obtain).toHaveBeenCalledTimes(1)
  })
})
