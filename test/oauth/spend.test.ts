import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { OAuthError, StoreError } from '../../src/errors.ts'
import { memoryStore } from '../../src/index.ts'
import { createJournal } from '../../src/oauth/journal.ts'
import type { SessionRecord } from '../../src/oauth/record.ts'
import { createSession } from '../../src/oauth/session.ts'
import { createSpender, type Report, type SendRefresh } from '../../src/oauth/spend.ts'
import type { CredentialStore, Lease } from '../../src/types.ts'
import { failure, textOf } from './token.ts'

const NOW = Date.UTC(2026, 10, 28)
beforeEach(() => void vi.useFakeTimers({ now: NOW, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const asked = { name: 'all', parameters: new URLSearchParams() }
const begun: SessionRecord = { format: 1, session: 's', refreshToken: 'r0', tokens: {}, issuedAt: NOW - 5000 }
const reply = (body: object, status = 200, headers: HeadersInit = {}) => ({
  status,
  text: JSON.stringify(body),
  headers: new Headers(headers),
})
const renewed = reply({ access_token: 'a1', token_type: 'Bearer', refresh_token: 'r1' }, 200, { 'dpop-nonce': 'n' })
const unavailable = () => new OAuthError('token_unavailable', 'No answer.')
const down = () => new StoreError('unavailable', 'memory', 'Down.')

async function spending(record: Partial<SessionRecord> = {}, lock?: CredentialStore['traits']['lock']) {
  const memory = memoryStore()
  const store: CredentialStore = { ...memory, traits: { ...memory.traits, ...(lock && { lock }) } }
  const journal = createJournal(store, 'id')
  await journal.replace({ ...begun, ...record })
  const abandon = vi.fn()
  const send = vi.fn<SendRefresh>(async () => renewed)
  const report = vi.fn<Report>()
  const spender = createSpender(store, journal, abandon)
  const told = { report, afterwards: [] as (() => void)[], raced: false }
  const lost = new AbortController()
  const lease = { lost: lost.signal } as Lease
  const spend = () => spender.renewed(lease, send, asked, undefined, told)
  const stored = async () => (await journal.read())?.record
  const change = async (more: object) => journal.replace({ ...((await stored()) as SessionRecord), ...more })
  return { store, journal, abandon, send, report, spender, told, lost, spend, stored, change }
}

/** The call, with as much time as it takes. */
async function timed<T>(call: Promise<T>, time = 5000): Promise<T> {
  call.catch(() => {})
  await vi.advanceTimersByTimeAsync(time)
  return call
}

describe('a refresh token is spent', () => {
  it('once what will happen is written, and what came is written before it is given', async () => {
    const { send, spend, stored } = await spending()
    send.mockImplementationOnce(async (record) => {
      expect(record.intent).toEqual({ holder: expect.any(String), at: NOW })
      expect(await stored()).toEqual(record)
      expect(record).not.toHaveProperty('unanswered')
      return renewed
    })
    const obtained = await spend()
    expect(obtained && [textOf(obtained.token), obtained.session]).toEqual(['a1', 's'])
    expect(await stored()).toEqual({
      format: 1,
      session: 's',
      refreshToken: 'r1',
      issuedAt: NOW,
      nonce: 'n',
      tokens: { all: { value: 'a1', type: 'Bearer', receivedAt: NOW } },
    })
    // The token that is there now is given without another.
    expect(await spend()).toMatchObject({ session: 's' })
    expect(send).toHaveBeenCalledTimes(1)
  })

  it('not without a session, without a token, in a rest, or for more than was granted', async () => {
    const gone = await spending()
    await gone.journal.remove()
    expect((await failure(gone.spend())).code).toBe('interaction_required')
    const { refreshToken: _, ...rest } = begun
    const over = await spending()
    await over.journal.replace({ ...rest, ended: 'refused' })
    expect((await failure(over.spend())).code).toBe('session_ended')
    const resting = await spending({ restsUntil: NOW + 1 })
    expect(await failure(resting.spend())).toMatchObject({ code: 'token_unavailable', retryAt: NOW + 1 })
    const rested = await spending({ restsUntil: NOW })
    expect(await rested.spend()).toBeDefined()
    for (const [granted, wanted, fine] of [
      ['read write', 'read', true],
      ['read', 'read write', false],
      [undefined, 'read', true],
      ['read', undefined, true],
    ] as const) {
      const { spender, send, told } = await spending(granted === undefined ? {} : { scope: granted })
      const lease = { lost: new AbortController().signal } as Lease
      const call = spender.renewed(lease, send, { ...asked, scope: wanted }, undefined, told)
      expect(await call.then(() => true, (error) => `${error}`.includes('read'))).toBe(fine) // biome-ignore format: one line
      expect(send).toHaveBeenCalledTimes(fine ? 1 : 0)
    }
  })

  it('not by one who lost the lock, or was stopped before he could send', async () => {
    const late = await spending()
    late.lost.abort()
    expect(await late.spend()).toBeUndefined()
    for (const [pause, sent] of [
      [2000, 1],
      [2001, 0],
    ] as const) {
      const { store, spend, send } = await spending()
      const { put } = store
      store.put = async (...args) => {
        store.put = put
        vi.advanceTimersByTime(pause)
        return put(...args)
      }
      expect((await spend()) === undefined).toBe(!sent)
      expect(send).toHaveBeenCalledTimes(sent)
    }
  })

  it('an answer that its holder could not read any more is read by the next', async () => {
    const { text, status } = renewed
    const { spend, send, stored } = await spending({ answer: { text, status, receivedAt: NOW - 7, asked: 'all' } })
    expect((await spend()) && (await stored())).toMatchObject({ refreshToken: 'r1', issuedAt: NOW - 5000 })
    expect(send).not.toHaveBeenCalled()
  })
})

describe('an intent of somebody else', () => {
  const intent = (age: number) => ({ intent: { holder: 'other', at: NOW - age } })

  it.each([
    ['lease', 14_999, false],
    ['lease', -14_999, false],
    ['lease', 15_000, true],
    ['process', 0, true],
  ] as const)('under a lock that is a %s, %i ms old: spent %s', async (lock, age, spent) => {
    const { spend, send } = await spending(intent(age), lock as never)
    expect((await spend()) !== undefined).toBe(spent)
    expect(send).toHaveBeenCalledTimes(spent ? 1 : 0)
    if (spent) expect(send.mock.calls[0]?.[0].unanswered).toBe(true)
  })

  it('is respected by one who saw that the lock keeps nobody out', async () => {
    const { spend, told } = await spending(intent(10))
    told.raced = true
    expect(await spend()).toBeUndefined()
  })

  it('our own is none of somebody else', async () => {
    const { spend, stored, send, change } = await spending({}, 'lease' as never)
    send.mockRejectedValue(unavailable())
    await expect(spend()).rejects.toMatchObject({ code: 'token_unavailable' })
    expect(await stored()).toMatchObject({ intent: { at: NOW }, unanswered: true })
    send.mockResolvedValue(renewed)
    expect(await spend()).toBeDefined()
    await change({})
  })
})

describe('without an answer', () => {
  it('it is asked for once more, and that is written', async () => {
    const { spend, send, stored } = await spending()
    send.mockRejectedValueOnce(unavailable())
    expect(await spend()).toBeDefined()
    expect(send.mock.calls.map(([record]) => record.unanswered)).toEqual([undefined, true])
    expect(await stored()).not.toHaveProperty('unanswered')
  })

  it('what never left is in no doubt', async () => {
    const { spend, send, stored } = await spending()
    const error = new OAuthError('client_misconfigured', 'No.')
    send.mockRejectedValue(error)
    await expect(spend()).rejects.toBe(error)
    expect(await stored()).toEqual(begun)
    send.mockRejectedValue(undefined)
    await expect(spend()).rejects.toBeUndefined()
    expect(send).toHaveBeenCalledTimes(2)
  })
})

describe('a refusal', () => {
  const refused = reply({ error: 'invalid_grant' }, 400)

  it('ends the session, and is told once the lock is free', async () => {
    const { spend, send, stored, told, report } = await spending()
    send.mockResolvedValue(refused)
    await expect(spend()).rejects.toMatchObject({ code: 'session_ended' })
    expect(await stored()).toEqual({ format: 1, session: 's', tokens: {}, issuedAt: NOW - 5000, ended: 'refused' })
    expect(report).not.toHaveBeenCalled()
    for (const task of told.afterwards) task()
    expect(report.mock.calls).toEqual([[{ type: 'session_ended', reason: 'refused' }]])
  })

  it.each([
    ['after an answer was lost', { unanswered: true as const }, false],
    ['after somebody else got in', {}, true],
  ])('%s, waits a second for what another one may have got', async (_, record, raced) => {
    const { spend, send, change, told } = await spending(record)
    told.raced = raced
    send.mockResolvedValue(refused)
    const call = spend()
    await vi.advanceTimersByTimeAsync(850)
    send.mockResolvedValue(renewed)
    await change({ refreshToken: 'r7', tokens: { all: { value: 'theirs', type: 'Bearer', receivedAt: NOW } } })
    const obtained = await timed(call)
    expect(obtained && textOf(obtained.token)).toBe('theirs')
    expect([send.mock.calls.length, told.raced]).toEqual([1, true])
  })

  it('and no longer', async () => {
    const { spend, send } = await spending({ unanswered: true })
    send.mockResolvedValue(refused)
    const call = spend()
    const ended = vi.fn()
    call.catch(ended)
    await vi.advanceTimersByTimeAsync(950)
    expect(ended).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(100)
    expect(ended).toHaveBeenCalledWith(expect.objectContaining({ code: 'session_ended' }))
  })
})

describe('what came', () => {
  it('after the user had signed out is given up', async () => {
    const { spend, send, journal, abandon, told } = await spending()
    send.mockImplementation(async () => {
      await journal.remove()
      return renewed
    })
    await expect(spend()).rejects.toMatchObject({ code: 'interaction_required' })
    expect(abandon).not.toHaveBeenCalled()
    for (const task of told.afterwards) task()
    expect(abandon).toHaveBeenCalledWith(expect.objectContaining({ refreshToken: 'r1' }))
    expect(await journal.read()).toBeUndefined()
  })

  it('and could not be written is kept here, given, and written later', async () => {
    const { store, spend, send, spender, told, report, stored } = await spending()
    const { put } = store
    send.mockImplementation(async () => {
      store.put = async () => {
        throw down()
      }
      return renewed
    })
    expect(textOf((await spend())!.token)).toBe('a1')
    for (const task of told.afterwards) task()
    expect(report.mock.calls).toEqual([[{ type: 'unsaved', code: 'unavailable' }]])
    expect(spender.unsaved()?.record).toMatchObject({ refreshToken: 'r1' })
    await expect(spender.save()).rejects.toMatchObject({ code: 'unavailable' })
    store.put = put
    await spender.save()
    expect([spender.unsaved(), await stored()]).toMatchObject([undefined, { refreshToken: 'r1' }])
    await spender.save()
  })

  it.each(['removed', 'forgotten'])('and was %s before it could be written is not brought back', async (how) => {
    const { store, spend, send, spender, journal, abandon } = await spending()
    const { put } = store
    send.mockImplementation(async () => {
      store.put = async () => {
        throw down()
      }
      return renewed
    })
    await spend()
    store.put = put
    if (how === 'removed') await journal.remove()
    else spender.forget()
    await spender.save()
    expect(spender.unsaved()).toBeUndefined()
    expect(abandon).toHaveBeenCalledTimes(how === 'removed' ? 1 : 0)
  })

  it('B9 is not lost to a store that fails in a way of its own either: it is used, and saved later', async () => {
    const { store, spend, send, spender, stored, told } = await spending()
    const { put } = store
    send.mockImplementation(async () => {
      store.put = async () => {
        throw new TypeError('bug')
      }
      return renewed
    })
    const obtained = await spend()
    expect(obtained && textOf(obtained.token)).toBe('a1')
    for (const task of told.afterwards) task()
    expect(told.report).toHaveBeenCalledWith({ type: 'unsaved', code: 'unavailable' })
    store.put = put
    await spender.save()
    expect(await stored()).toMatchObject({ refreshToken: 'r1' })
  })
})

describe('a session', () => {
  function session(store: CredentialStore, more: object = {}) {
    const prepare = vi.fn(async (): Promise<SendRefresh> => async () => renewed)
    return createSession({ store, id: 'id', prepare, abandon: () => {}, ...more })
  }
  const timeout = () => new StoreError('lock_timeout', 'memory', 'Busy.')

  it('whose lock another one holds gives what he got, or asks to come back', async () => {
    const { store, change } = await spending()
    const { obtain } = session(store)
    store.lock = async () => {
      await change({ tokens: { all: { value: 'theirs', type: 'Bearer', receivedAt: NOW } } })
      throw timeout()
    }
    expect(textOf((await obtain(asked, undefined, () => {})).token)).toBe('theirs')
    await change({ tokens: {} })
    const locked = vi.fn(async () => {
      throw timeout()
    })
    store.lock = locked
    const call = failure(obtain(asked, undefined, () => {}))
    expect(await timed(call, 31_000)).toMatchObject({ code: 'token_unavailable', retryAt: expect.any(Number) })
    expect(locked.mock.calls.length).toBeGreaterThan(100)
    expect(locked.mock.calls[0]).toEqual(['id', expect.any(Function), { wait: 30_000 }])
    expect(locked.mock.lastCall).toEqual(['id', expect.any(Function), { wait: 250 }])
  })

  it('passes on what else the lock throws', async () => {
    const { store } = await spending()
    store.lock = async () => {
      throw down()
    }
    await expect(session(store).obtain(asked, undefined, () => {})).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('with a store that is down gives what could not be written', async () => {
    const { store } = await spending()
    const { put } = store
    const send: SendRefresh = async () => {
      store.put = async () => {
        throw down()
      }
      return renewed
    }
    const { obtain, read, look, end, establish } = session(store, { prepare: async () => send })
    const { token } = await obtain(asked, undefined, () => {})
    expect(await look(asked)).toMatchObject({ session: 's', token: { type: 'Bearer' } })
    await expect(look({ ...asked, name: 'other' })).rejects.toMatchObject({ code: 'unavailable' })
    await expect(obtain(asked, token, () => {})).rejects.toMatchObject({ code: 'unavailable' })
    expect(await read()).toMatchObject({ refreshToken: 'r1' })
    store.put = put
    expect(await end()).toMatchObject({ refreshToken: 'r1' })
    expect(await read()).toBeUndefined()
    await expect(look(asked)).rejects.toMatchObject({ code: 'interaction_required' })
    await establish(begun)
    expect(await look(asked)).toEqual({ session: 's' })
  })

  it('may begin in place of the one that is there', async () => {
    const { store, stored } = await spending()
    const next = { ...begun, session: 't' }
    const begin = vi.fn(async (): Promise<SessionRecord | undefined> => next)
    const { look } = session(store, { begin })
    expect(await look(asked)).toEqual({ session: 't' })
    expect(begin).toHaveBeenCalledWith(begun)
    expect(await stored()).toEqual(next)
    begin.mockResolvedValue(undefined)
    expect(await look(asked)).toEqual({ session: 't' })
  })
})
