import { describe, expect, it } from 'vitest'
import { createClient } from '../../src/index.ts'
import { createHistogram } from '../../src/observe/histogram.ts'
import { createMeter } from '../../src/observe/meter.ts'
import { api, inOrder } from '../servers/api.ts'

describe('createMeter', () => {
  it('tells which endpoints are most trafficked, and how they do', async () => {
    const { url } = await api((request) => (request.url.startsWith('/users') ? {} : { status: 404 }))
    const meter = createMeter()
    const client = createClient({ baseUrl: url, onEvent: meter.onEvent })
    await Promise.all([1, 2, 3].map((id) => client.get(`users/${id}?token=hidden`)))
    await client.post('users').text()
    await client.get('missing').catch(() => {})
    const endpoints = meter.endpoints()
    expect(endpoints.map(({ method, route, calls, errors }) => ({ method, route, calls, errors }))).toEqual([
      { method: 'GET', route: '/users/{id}', calls: 3, errors: 0 },
      { method: 'POST', route: '/users', calls: 1, errors: 0 },
      { method: 'GET', route: '/missing', calls: 1, errors: 1 },
    ])
    expect(endpoints[0]?.statuses).toEqual({ 200: 3 })
    expect(endpoints[0]?.latency.p50).toBeGreaterThan(0)
    expect(endpoints[0]?.latency.max).toBeGreaterThanOrEqual(endpoints[0]?.latency.p99 as number)
    expect(JSON.stringify(endpoints)).not.toContain('hidden')
  })

  it('counts refusals, repeats and waits apart from requests', async () => {
    const { url } = await api(inOrder({ status: 429, headers: { 'retry-after': '0.05' } }, { status: 503 }, {}))
    const meter = createMeter()
    await createClient({ baseUrl: url, onEvent: meter.onEvent, retry: { limit: 2, delay: () => 1 } }).get('x')
    expect(meter.endpoints()).toMatchObject([
      { calls: 1, attempts: 3, errors: 0, throttled: 1, statuses: { 429: 1, 503: 1, 200: 1 } },
    ])
    expect(meter.endpoints()[0]?.waited).toBeGreaterThan(40)
  })

  it('counts requests that got no answer by why', async () => {
    const meter = createMeter()
    const fetch = () => Promise.reject(new TypeError('fetch failed'))
    const client = createClient({ baseUrl: 'https://api.example.com/', fetch, onEvent: meter.onEvent, retry: 0 })
    const control = new AbortController()
    control.abort()
    await client.get('x').catch(() => {})
    await client.get('x', { signal: control.signal }).catch(() => {})
    await client.get('x', { timeout: 5, totalTimeout: 5 }).catch(() => {})
    expect(meter.endpoints()[0]).toMatchObject({ errors: 3, failures: { network: 2, aborted: 1 } })
    meter.reset()
    expect(meter.endpoints()).toEqual([])
  })

  it('does not grow with endpoints without end', () => {
    const meter = createMeter({ most: 10 })
    const words = 'abcdefghijklmnopqrstuvwxyz'.split('')
    for (const [id, word] of words.entries())
      meter.onEvent({ id, method: 'GET', url: `https://a.example/${word}`, type: 'attempt', number: 1, waited: 0 })
    expect(meter.endpoints()).toHaveLength(11)
    expect(meter.endpoints()[0]).toMatchObject({ route: '{other}', attempts: 16 })
  })

  it('refuses a bound that is none', () => {
    expect(() => createMeter({ most: 0 })).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  })
})

describe('the histogram', () => {
  it('is right within 2 % for any percentile, and never above the maximum', () => {
    const histogram = createHistogram()
    expect(histogram.percentile(0.5)).toBe(0)
    for (let i = 1; i <= 10_000; i++) histogram.record(i)
    for (const part of [0.01, 0.5, 0.9, 0.99])
      expect(Math.abs(histogram.percentile(part) / (part * 10_000) - 1)).toBeLessThan(0.021)
    expect(histogram.percentile(1)).toBeLessThanOrEqual(10_000)
    histogram.record(0)
    expect(histogram.percentile(0.00001)).toBeLessThan(0.02)
  })
})
