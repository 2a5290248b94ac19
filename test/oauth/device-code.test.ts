// Polling for a decision: RFC 8628, and CIBA.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createClient, memoryStore } from '../../src/index.ts'
import { ciba, type DeviceCodeOptions, type DevicePrompt, deviceCode } from '../../src/oauth/oauth.ts'
import { api, type Reply } from '../servers/api.ts'
import { answers, dropped, type Fault } from '../servers/authorization.ts'
import { type OpenIdProvider, openIdProvider, SECRET } from '../servers/openid.ts'
import { failure, given, textOf } from './token.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** The server as it is, but in less of a hurry to keep us waiting: it names no interval, which means 5 s. */
const quick: typeof fetch = async (input, init) => {
  const response = await fetch(input, init)
  if (!/device\/auth|backchannel/.test(String(input)) || !response.ok) return response
  return Response.json({ ...(await response.json()), interval: 0.05 })
}
const tv = (as: OpenIdProvider, options: Partial<DeviceCodeOptions> = {}) =>
  deviceCode({
    issuer: as.issuer,
    clientId: 'tv',
    scope: 'openid orders:read',
    fetch: quick as never,
    prompt: ({ userCode }) => void as.approve(userCode).catch(() => {}),
    ...options,
  })

describe('deviceCode against oidc-provider', () => {
  it('signs in once the user has typed the code, and is renewed and revoked', async () => {
    const as = await openIdProvider()
    let shown: DevicePrompt | undefined
    const auth = tv(as, {
      prompt: (prompt) => {
        shown = prompt
        setTimeout(() => void as.approve(prompt.userCode).catch(() => {}), 150)
      },
    })
    expect(await auth.signedIn()).toBe(false)
    await auth.signIn()
    expect(shown).toMatchObject({ verificationUri: `${as.issuer}/device` })
    expect(shown?.verificationUriComplete).toContain(shown?.userCode)
    expect(shown?.expiresAt).toBeGreaterThan(Date.now() + 500_000)
    expect(await auth.claims()).toMatchObject({ sub: 'alice' })
    const { url } = await api()
    expect(await createClient({ baseUrl: url, auth }).get('').text()).toBe('ok')
    const token = await auth.token(given())
    expect(await auth.renew?.(token, [], given())).toBe(true)
    expect(await auth.signOut()).toEqual({ revoked: true })
    expect(as.posts('/token').filter(({ form }) => form.get('grant_type')?.endsWith('device_code')).length).toBeGreaterThan(1) // biome-ignore format: one line
  })

  it('B19 with DPoP and nonces, and for a resource', async () => {
    const as = await openIdProvider()
    as.wantsNonce = true
    const auth = tv(as, { dpop: true, resource: 'https://api.example.com' })
    await auth.signIn()
    const token = await auth.token(given())
    const book = await as.provider.AccessToken.find(textOf(token))
    expect(book).toMatchObject({ aud: 'https://api.example.com' })
    expect(book?.jkt).toBeTruthy()
    expect(token.type).toBe('DPoP')
  })

  it('the session outlives the program', async () => {
    const as = await openIdProvider()
    const store = memoryStore()
    await tv(as, { store }).signIn()
    expect(await tv(as, { store }).signedIn()).toBe(true)
  })

  it('B21 goes on when the network fails, the server is in trouble or answers nonsense', async () => {
    const as = await openIdProvider()
    as.faults['/token'] = [dropped, answers(503, {}), answers(200, '<html>log in to the network</html>'), dropped]
    await tv(as).signIn()
    expect(as.posts('/token')).toHaveLength(5)
  })

  it('B21 the abort ends it at once, and leaves nothing behind', async () => {
    const as = await openIdProvider()
    const control = new AbortController()
    const sent: string[] = []
    // Counted where they leave: what is under way when the abort comes may still arrive.
    const watched: typeof fetch = (input, init) => {
      sent.push(new URL(String(input)).pathname)
      if (sent.filter((path) => path === '/token').length === 3) control.abort('enough')
      return quick(input, init)
    }
    const auth = tv(as, { fetch: watched as never, prompt: () => {} })
    await expect(auth.signIn({ signal: control.signal })).rejects.toBe('enough')
    const asked = sent.length
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(sent).toHaveLength(asked)
    await expect(auth.signIn({ signal: control.signal })).rejects.toBe('enough')
    expect(sent.filter((path) => path === '/device/auth')).toHaveLength(1)
  })

  it('B21 the abort ends it also between two polls', async () => {
    const as = await openIdProvider()
    const control = new AbortController()
    const patient: typeof fetch = async (input, init) => {
      const response = await quick(input, init)
      if (!String(input).endsWith('/device/auth')) return response
      return Response.json({ ...(await response.json()), interval: 300 })
    }
    const auth = tv(as, { fetch: patient as never, prompt: () => void setTimeout(() => control.abort('enough'), 20) })
    await expect(auth.signIn({ signal: control.signal })).rejects.toBe('enough')
    expect(as.posts('/token')).toEqual([])
  })

  it('B21 the abort ends it also while the server keeps the answer to itself', async () => {
    const as = await openIdProvider()
    const control = new AbortController()
    as.faults['/token'] = [() => control.abort('enough')]
    // Left alone, the request would take 10 s, and the next poll would sign in.
    await expect(tv(as).signIn({ signal: control.signal })).rejects.toBe('enough')
    expect(as.posts('/token')).toHaveLength(1)
  })

  it('what the server refuses before anything is shown is told', async () => {
    const as = await openIdProvider()
    const prompt = vi.fn()
    as.faults['/device/auth'] = [answers(400, { error: 'invalid_scope' }), answers(200, {}), answers(502, '')]
    for (const code of ['client_misconfigured', 'token_unavailable', 'token_unavailable'])
      expect(await failure(tv(as, { prompt }).signIn())).toMatchObject({ code })
    expect(prompt).not.toHaveBeenCalled()
    expect(() => tv(as, { prompt: undefined as never })).toThrow('`prompt`')
  })
})

/** A server by hand, on a clock by hand: what it says to each poll, and after how many milliseconds each came. */
async function paced(replies: (Reply & { drop?: boolean })[], device: object = { interval: 1 }) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  const gaps: number[] = []
  let before = Date.now()
  const fetch = async (input: string) => {
    if (input.endsWith('/device'))
      return Response.json({ device_code: 'd', user_code: 'u', verification_uri: 'https://x.example', expires_in: 900, ...device }) // biome-ignore format: one line
    gaps.push(Date.now() - before)
    before = Date.now()
    const reply = replies.shift()
    if (!reply || reply.drop) throw new TypeError('fetch failed')
    return new Response(reply.body ?? null, reply as ResponseInit)
  }
  const auth = deviceCode({
    issuer: 'https://login.example.com',
    metadata: { token_endpoint: 'https://login.example.com/token', device_authorization_endpoint: 'https://login.example.com/device' }, // biome-ignore format: one line
    clientId: 'tv',
    fetch: fetch as never,
    prompt: () => {},
  })
  const done = auth.signIn()
  const outcome = done.then(
    () => 'done',
    (error) => error,
  )
  let ended = false
  void outcome.then(() => (ended = true))
  while (!ended) await vi.advanceTimersByTimeAsync(100)
  return { gaps, outcome: await outcome }
}
const error = (code: string, status = 400, headers: Record<string, string> = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ error: code }),
})
const tokens: Reply = { body: '{"access_token":"a","token_type":"bearer"}' }
const pending = error('authorization_pending')

describe('B21 polling', () => {
  it('waits as long as the server says, and adds 5 s for good with each slow_down', async () => {
    const slow = error('slow_down')
    const { gaps, outcome } = await paced([pending, slow, pending, slow, pending, pending, tokens], { interval: 2 })
    expect(outcome).toBe('done')
    expect(gaps).toEqual([2000, 2000, 7000, 7000, 12_000, 12_000, 12_000])
  })

  it('waits 5 s where the server says nothing, or nonsense', async () => {
    for (const interval of [undefined, 'x', 0, -5])
      expect((await paced([pending, tokens], { interval })).gaps).toEqual([5000, 5000])
  })

  it('asks less and less often while the network fails, and as before when it is back', async () => {
    const lost = { drop: true }
    const { gaps } = await paced([lost, lost, lost, pending, tokens])
    expect(gaps).toEqual([1000, 2000, 4000, 8000, 1000])
  })

  it('honours Retry-After, also beside an error of its own', async () => {
    const { gaps } = await paced([
      error('authorization_pending', 429, { 'retry-after': '30' }),
      error('slow_down', 400, { 'retry-after': '20' }),
      tokens,
    ])
    expect(gaps[1]).toBeGreaterThanOrEqual(29_000)
    expect(gaps[2]).toBeGreaterThanOrEqual(19_000)
  })

  it('takes errors that come with status 200', async () => {
    expect((await paced([error('authorization_pending', 200), error('slow_down', 200), tokens])).gaps).toEqual([1000, 1000, 6000]) // biome-ignore format: one line
  })

  it('ends when the user refuses, when the code ends, and when the client is wrong', async () => {
    expect((await paced([pending, error('access_denied')])).outcome).toMatchObject({ code: 'interaction_required', error: 'access_denied' }) // biome-ignore format: one line
    expect((await paced([error('expired_token')])).outcome).toMatchObject({ code: 'interaction_required', error: 'expired_token' }) // biome-ignore format: one line
    expect((await paced([error('invalid_client', 401)])).outcome).toMatchObject({ code: 'client_misconfigured' })
    const { outcome, gaps } = await paced(Array(100).fill(pending), { interval: 60, expires_in: 200 })
    expect(outcome).toMatchObject({ code: 'interaction_required', error: 'expired_token' })
    expect(gaps).toEqual([60_000, 60_000, 60_000])
  })
})

describe('ciba against oidc-provider', () => {
  const bank = (as: OpenIdProvider, options = {}) =>
    ciba({ issuer: as.issuer, clientId: 'bank', clientSecret: SECRET, fetch: quick as never, ...options })
  /** The user's own device. */
  const decides = async (as: OpenIdProvider, agrees: boolean) => {
    const requests: { accountId: string; params: Record<string, string>; nonce?: string; jti: string }[] = []
    as.provider.on('backchannel_authentication_request.saved', (request) => requests.push(request as never))
    const request = await vi.waitFor(() => {
      if (!requests[0]) throw new Error('nobody asked')
      return requests[0]
    })
    if (!agrees) {
      const { errors } = await import('oidc-provider')
      return as.provider.backchannelResult(request.jti, new errors.AccessDenied('no'))
    }
    const grant = new as.provider.Grant({ accountId: request.accountId, clientId: 'bank' })
    grant.addOIDCScope('openid')
    await grant.save()
    await as.provider.backchannelResult(request.jti, grant, { acr: '0', authTime: Math.floor(Date.now() / 1000) } as never) // biome-ignore format: one line
  }

  it('signs in once the user has agreed on their device', async () => {
    const as = await openIdProvider()
    const auth = bank(as)
    await Promise.all([decides(as, true), auth.signIn({ loginHint: 'ada', bindingMessage: 'W4SCT' })])
    expect(await auth.claims()).toMatchObject({ sub: 'ada' })
    const [asked] = as.posts('/backchannel')
    expect(Object.fromEntries(asked?.form ?? [])).toMatchObject({ login_hint: 'ada', binding_message: 'W4SCT', scope: 'openid' }) // biome-ignore format: one line
    const token = await auth.token(given())
    expect(await auth.renew?.(token, [], given())).toBe(true)
  })

  it('B21 tells that the user refused, goes on when the network fails, and can be aborted', async () => {
    const as = await openIdProvider()
    as.faults['/token'] = [dropped, answers(503, '')] satisfies Fault[]
    const [, refused] = await Promise.all([decides(as, false), failure(bank(as).signIn({ loginHint: 'ada' }))])
    expect(refused).toMatchObject({ code: 'interaction_required', error: 'access_denied' })
    const control = new AbortController()
    setTimeout(() => control.abort('enough'), 100)
    await expect(bank(as).signIn({ loginHint: 'ada', signal: control.signal })).rejects.toBe('enough')
  })

  it('wants exactly one hint', async () => {
    const as = await openIdProvider()
    for (const request of [{}, { loginHint: 'a', idTokenHint: 'b' }])
      expect(await failure(bank(as).signIn(request))).toMatchObject({ code: 'invalid_option' })
    expect(as.posts('/backchannel')).toEqual([])
  })
})
