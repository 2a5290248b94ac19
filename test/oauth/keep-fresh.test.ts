import { afterEach, describe, expect, it, vi } from 'vitest'
import { refreshToken } from '../../src/oauth/oauth.ts'
import { given, textOf } from './token.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** A session on fake time, at a server that rotates. */
function session(lifetime: number, keepFresh: boolean) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  let requests = 0
  const fetch = async () => {
    requests++
    return Response.json({
      access_token: `access-${requests}`,
      refresh_token: `refresh-${requests}`,
      token_type: 'Bearer',
      expires_in: lifetime,
    })
  }
  const metadata = { token_endpoint: 'https://login.example.com/token' }
  const issuer = 'https://login.example.com'
  const login = refreshToken({ issuer, metadata, fetch, clientId: 'app', refreshToken: 'refresh-0', keepFresh })
  return { login, requests: () => requests }
}

const really = globalThis.setTimeout

/** Time passes, and what needs the real one, such as a digest, has it. */
async function pass(duration: number, step = 10_000): Promise<void> {
  for (let passed = 0; passed < duration; passed += step) {
    await vi.advanceTimersByTimeAsync(step)
    await new Promise((resolve) => really(resolve, 3))
  }
}

describe('B12 timers', () => {
  it('do not run unless asked for', async () => {
    const { login, requests } = session(600, false)
    await login.token(given())
    await vi.advanceTimersByTimeAsync(10)
    expect(vi.getTimerCount()).toBe(0)
    await pass(600_000)
    expect(requests()).toBe(1)
    login.dispose()
  })

  it('keep a token fresh that nobody asks for, until dispose', async () => {
    const { login, requests } = session(600, true)
    await pass(3_000_000)
    expect(requests()).toBeGreaterThanOrEqual(5)
    expect(requests()).toBeLessThanOrEqual(7)
    const before = requests()
    expect(textOf(await login.token(given()))).toBe(`access-${before}`)
    login.dispose()
    await pass(600_000)
    expect(requests()).toBe(before)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('cost a token of thirty days nothing, and notice that the machine has slept', async () => {
    const { login, requests } = session(30 * 86_400, true)
    await pass(3_600_000, 30_000)
    expect(requests()).toBe(1)
    login.dispose()
    const short = session(600, true)
    await pass(10_000)
    vi.setSystemTime(Date.now() + 2 * 3_600_000)
    await pass(100_000)
    expect(short.requests()).toBe(2)
    short.login.dispose()
  })
})
