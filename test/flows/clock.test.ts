import * as hawkPeer from 'hawk'
import { describe, expect, it } from 'vitest'
import { sigv4 } from '../../src/aws/aws.ts'
import { createFetch } from '../../src/fetch.ts'
import { hmac } from '../../src/hmac/hmac.ts'
import { binance } from '../../src/hmac/presets/binance.ts'
import { bybit } from '../../src/hmac/presets/bybit.ts'
import { hawk } from '../../src/hmac/presets/hawk.ts'
import { type AuthStrategy, type ClientEvent, type CreateOptions, timeAt } from '../../src/index.ts'
import { api, type Reply, type Seen } from '../servers/api.ts'

const HOUR = 3_600_000
const key = { keyId: 'id', secret: 'secret' }

/** A server whose clock is `ahead`, that accepts what was signed within 30 s, and shows `Date` only where told to. */
async function off(
  ahead: number,
  signedAt: (request: Seen) => number,
  refusal: (now: number) => Reply,
  date?: (now: number) => number,
) {
  const times: number[] = []
  const server = await api((request, _, response) => {
    const now = Date.now() + ahead
    response.sendDate = false
    if (date) response.setHeader('date', new Date(date(now)).toUTCString())
    if (request.url === '/time') return { body: JSON.stringify({ result: { serverTime: now } }) }
    const at = signedAt(request)
    times.push(at)
    return Math.abs(at - now) < 30_000 ? {} : refusal(now)
  })
  const ask = (auth: AuthStrategy, options: CreateOptions = {}) =>
    createFetch({ baseUrl: server.url, auth, retry: 0, ...options })
  return { ...server, ask, times }
}

const offsets = [HOUR, -HOUR, 300_000]
const seconds =
  (name: string) =>
  ({ headers }: Seen) =>
    Number(headers[name]) * 1000
const signer = () =>
  hmac({
    ...key,
    hash: 'sha256',
    encoding: 'hex',
    message: ({ timestamp }) => timestamp,
    place: ({ timestamp, signature }) => ({ headers: { 'X-Time': timestamp, 'X-Signature': signature } }),
  })

describe('5 the word of the scheme comes first', () => {
  it.each(offsets)('Hawk: the reference server is %d ms ahead, and proves what time it is', async (ahead) => {
    const { url, seen } = await api(async ({ method, url: target, headers, body }, _, response) => {
      response.sendDate = false
      try {
        await hawkPeer.server.authenticate(
          { method, url: target, headers, connection: {} } as never,
          () => ({ key: key.secret, algorithm: 'sha256' }) as never,
          { localtimeOffsetMsec: ahead, ...(body.length && { payload: body.toString() }) } as never,
        )
        return {}
      } catch (error) {
        const { output } = error as { output: { headers: Record<string, string> } }
        return { status: 401, headers: output.headers }
      }
    })
    const fetch = createFetch({ baseUrl: url, auth: hawk(key), retry: 0 })
    expect((await fetch('/', { method: 'POST', body: 'content' })).status).toBe(200)
    expect(seen).toHaveLength(2)
    expect((await fetch('/')).status).toBe(200)
    expect(seen).toHaveLength(3)
  })

  it('Hawk: a time that nobody proved is not believed', async () => {
    for (const tsm of ['', 'AAAA', undefined]) {
      const { ask, seen } = await off(HOUR, () => 0, (now) => ({
        status: 401,
        headers: { 'www-authenticate': `Hawk ts="${Math.floor(now / 1000)}"${tsm === undefined ? '' : `, tsm="${tsm}"`}, error="Stale timestamp"` },
      })) // biome-ignore format: one line
      expect((await ask(hawk(key))('/')).status).toBe(401)
      expect(seen).toHaveLength(1)
    }
  })

  const amz = ({ headers }: Seen) =>
    Date.parse(String(headers['x-amz-date']).replace(/(....)(..)(..T..)(..)/, '$1-$2-$3:$4:'))
  const basic = (now: number) => `${new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
  const aws: [string, (now: number) => Reply][] = [
    ['S3', (now) => ({ status: 403, body: `<Error><Code>RequestTimeTooSkewed</Code><RequestTime>x</RequestTime><ServerTime>${new Date(now).toISOString()}</ServerTime></Error>` })],
    ['another service', (now) => ({ status: 403, body: `{"message":"Signature expired: 20150830T123600Z is now earlier than 20150830T123600Z (${basic(now)} - 5 min.)"}` })],
    ['another service, ahead', (now) => ({ status: 400, body: `{"message":"Signature not yet current: 20150830T123600Z is still later than 20150830T123600Z (${basic(now)} + 5 min.)"}` })],
  ] // biome-ignore format: one line each
  it.each(aws)('AWS: %s tells its time in the refusal', async (_, refusal) => {
    for (const ahead of offsets) {
      const { ask, seen } = await off(ahead, amz, refusal)
      const fetch = ask(sigv4({ service: 's3', region: 'eu-west-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } })) // biome-ignore format: one line
      expect((await fetch('/')).status).toBe(200)
      expect((await fetch('/')).status).toBe(200)
      expect(seen).toHaveLength(3)
    }
  })

  it('Bybit tells it with status 200, and Binance leaves it to the clock of the user', async () => {
    for (const ahead of offsets) {
      const bybitServer = await off(ahead, ({ headers }) => Number(headers['x-bapi-timestamp']), (now) => ({
        body: `{"retCode":10002,"retMsg":"invalid request, please check your server timestamp or recv_window param. req_timestamp[1],server_timestamp[${now}],recv_window[5000]"}`,
      })) // biome-ignore format: one line
      expect(await (await bybitServer.ask(bybit(key))('/')).text()).toBe('ok')
      expect(bybitServer.seen).toHaveLength(2)
      const binanceServer = await off(
        ahead,
        ({ url }) => Number(new URL(url, 'http://a').searchParams.get('timestamp')),
        () => ({
          status: 400,
          body: '{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}',
        }),
      )
      expect((await binanceServer.ask(binance(key), { clock: timeAt('/time') })('/')).status).toBe(200)
      expect(binanceServer.seen.map(({ url }) => url.split('?')[0])).toEqual(['/', '/time', '/'])
    }
  })

  it('a Date that somebody else wrote does not undo it', async () => {
    const liar = () => Date.now() - 2 * HOUR
    const refusal = (now: number) => ({ status: 403, body: `<ServerTime>${new Date(now).toISOString()}</ServerTime>` })
    const { ask, seen } = await off(HOUR, amz, refusal, liar)
    const fetch = ask(sigv4({ service: 's3', region: 'eu-west-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } })) // biome-ignore format: one line
    for (let i = 0; i < 3; i++) expect((await fetch('/')).status).toBe(200)
    expect(seen).toHaveLength(4)
  })
})

describe('5 then Date, then the clock of the user', () => {
  const refusal = () => ({ status: 401 })

  it.each(offsets)('a server that is %d ms ahead and shows its Date', async (ahead) => {
    const { ask, seen } = await off(ahead, seconds('x-time'), refusal, (now) => now)
    let asked = 0
    const fetch = ask(signer(), { clock: async () => asked++ })
    expect((await fetch('/')).status).toBe(200)
    expect((await fetch('/')).status).toBe(200)
    expect([seen.length, asked]).toEqual([3, 0])
  })

  it.each(offsets)('one that is %d ms ahead and hides it', async (ahead) => {
    const { ask, seen, url } = await off(ahead, seconds('x-time'), refusal)
    expect((await ask(signer())('/')).status).toBe(401)
    for (const clock of [timeAt('/time'), timeAt(`${url}time`)]) {
      const fetch = ask(signer(), { clock })
      expect((await fetch('/')).status).toBe(200)
      expect((await fetch('/')).status).toBe(200)
    }
    expect(seen.filter(({ url: path }) => path === '/time')).toHaveLength(2)
    expect(seen.find(({ url: path }) => path === '/time')?.headers).not.toHaveProperty('x-signature')
  })

  it('where nothing tells the time, a warning says so, once', async () => {
    const warned = async (status: number, options: CreateOptions, date?: (now: number) => number) => {
      const events: ClientEvent[] = []
      const { ask } = await off(HOUR, seconds('x-time'), () => ({ status }), date)
      const fetch = ask(signer(), { ...options, retry: 0, onEvent: (event) => events.push(event) })
      for (const path of ['/', '/again']) expect((await fetch(path)).status).toBe(date ? 200 : status)
      return events.filter(({ type }) => type === 'warning')
    }
    const once = [expect.objectContaining({ code: 'clock_unknown' })]
    const down = async (): Promise<number> => {
      throw new Error('down')
    }
    for (const status of [401, 403]) expect(await warned(status, {})).toEqual(once)
    expect(await warned(401, { clock: down })).toEqual(once)
    expect(await warned(401, { clock: async () => Date.now() })).toEqual([])
    expect(await warned(401, {}, (now) => now)).toEqual([])
    expect(await warned(400, {})).toEqual([])
  })

  it('a lie of more than a day is not believed, from whomever', async () => {
    const lies: [CreateOptions, ((now: number) => number) | undefined][] = [
      [{}, (now) => now],
      [{ clock: async () => Date.now() + 25 * HOUR }, undefined],
      [{ clock: async () => Number.NaN }, undefined],
      [{ clock: async () => { throw new Error('down') } }, undefined],
    ] // biome-ignore format: one line each
    for (const [options, date] of lies) {
      const { ask, seen, times } = await off(25 * HOUR, seconds('x-time'), refusal, date)
      const fetch = ask(signer(), options)
      expect((await fetch('/')).status).toBe(401)
      expect(seen).toHaveLength(1)
      expect(Math.abs((times[0] as number) - Date.now())).toBeLessThan(30_000)
    }
    const strategy: AuthStrategy = {
      ...signer(),
      onResponse: (_, attempt) => (attempt.correct(Date.now() + 25 * HOUR) ? 'clock_skew' : undefined),
    }
    const { ask, seen } = await off(25 * HOUR, seconds('x-time'), refusal)
    expect((await ask(strategy)('/')).status).toBe(401)
    expect(seen).toHaveLength(1)
  })

  it('what one origin says is not believed of another', async () => {
    const [one, other] = [await off(HOUR, seconds('x-time'), refusal, (now) => now), await off(0, seconds('x-time'), refusal, (now) => now)] // biome-ignore format: one line
    const fetch = createFetch({ origins: [one.origin, other.origin], auth: signer() })
    for (const { url } of [one, other, one, other]) expect((await fetch(url)).status).toBe(200)
    expect([one.seen.length, other.seen.length]).toEqual([3, 2])
  })

  it('one replay, and not for what is no matter of the clock', async () => {
    const { ask, seen } = await off(
      0,
      () => 0,
      refusal,
      (now) => now + HOUR,
    )
    expect((await ask(signer())('/')).status).toBe(401)
    expect(seen).toHaveLength(2)
  })
})

describe('timeAt reads', () => {
  const at = Date.parse('2026-11-28T12:00:00.250Z')
  it.each([
    [`{"serverTime":${at}}`, 0],
    [`{"unixtime":${at / 1000 - 0.25}}`, 250],
    [`{"iso":"2026-11-28T12:00:00Z","epoch":${at / 1000}}`, 0],
    [`{"timeNano":"${at}000000","timeSecond":"1"}`, 0],
    [`${at}123`, 0],
    ['"2026-11-28T13:00:00.250+01:00"', 0],
    ['no time', 250],
  ])('%s', async (body, early) => {
    const { url } = await api(() => ({ body, headers: { date: new Date(at).toUTCString() } }))
    const time = await timeAt(url)(url, new AbortController().signal)
    // Half a second for a Date, which has none.
    const expected = at - early + (body === 'no time' ? 500 : 0)
    expect(time - expected).toBeGreaterThanOrEqual(0)
    expect(time - expected).toBeLessThan(5000)
  })
})
