import { describe, expect, it } from 'vitest'
import { apiKey, type ClientEvent, createClient } from '../../src/index.ts'
import { type ApiVersionOptions, apiVersion } from '../../src/version/api-version.ts'
import { api } from '../servers/api.ts'

async function sent(options: ApiVersionOptions, path = 'users?a=b%20c', headers: Record<string, string> = {}) {
  const { url, seen } = await api()
  await createClient({ baseUrl: `${url}api/`, version: apiVersion(options) }).get(path, { headers })
  return seen[0]
}

async function told(headers: Record<string, string>, options: ApiVersionOptions = {}, paths = ['users/1']) {
  const { url } = await api(() => ({ headers }))
  const events: ClientEvent[] = []
  const client = createClient({ baseUrl: url, version: apiVersion(options), onEvent: (event) => events.push(event) })
  for (const path of paths) await client.get(path)
  return events.filter(({ type }) => type === 'version')
}

describe('apiVersion', () => {
  it('asks in the path, after what stands before it, once', async () => {
    expect((await sent({ in: 'path', value: 'v2', after: '/api' }))?.url).toBe('/api/v2/users?a=b%20c')
    expect((await sent({ in: 'path', value: 'v2' }))?.url).toBe('/v2/api/users?a=b%20c')
    expect((await sent({ in: 'path', value: 'v2', after: '/api' }, 'v2/users'))?.url).toBe('/api/v2/users')
    expect((await sent({ in: 'path', value: 'v2', after: '/api' }, 'v20/users'))?.url).toBe('/api/v2/v20/users')
  })

  it('asks in a header, in the query, and in the media type', async () => {
    expect((await sent({ in: 'header', name: 'X-Version', value: '2026-01-15' }))?.headers['x-version']).toBe(
      '2026-01-15',
    )
    expect((await sent({ in: 'header', value: '3' }))?.headers['api-version']).toBe('3')
    expect((await sent({ in: 'query', value: '2026-01' }))?.url).toBe('/api/users?a=b%20c&api-version=2026-01')
    expect((await sent({ in: 'query', value: '2' }, 'users?api-version=1'))?.url).toBe('/api/users?api-version=1')
    const mediaType = 'application/vnd.example.{version}+json'
    expect((await sent({ in: 'media-type', value: 'v3', mediaType }))?.headers.accept).toBe(
      'application/vnd.example.v3+json',
    )
    expect((await sent({ in: 'media-type', value: 'v3' }, 'x', { accept: 'text/csv' }))?.headers.accept).toBe(
      'text/csv',
    )
  })

  it('is there on retries, and what the caller gave stays as it was', async () => {
    const { url, seen } = await api((_, index) => (index ? {} : { status: 503 }))
    const headers = new Headers()
    const client = createClient({
      baseUrl: url,
      version: apiVersion({ in: 'header', value: '2' }),
      retry: { delay: () => 1 },
    })
    await client.fetch(`${url}x`, { headers })
    expect(seen.map((request) => request.headers['api-version'])).toEqual(['2', '2'])
    expect([...headers]).toEqual([])
  })

  it('does not change whom credentials go to', async () => {
    const { url } = await api()
    const auth = apiKey({ name: 'X-Key', value: 'key' })
    const client = createClient({ baseUrl: url, auth, version: apiVersion({ in: 'path', value: 'v2' }) })
    await expect(client.get('https://other.example/x')).rejects.toMatchObject({ code: 'origin_not_allowed' })
  })

  it('tells the version that answered, its deprecation and its end', async () => {
    const link =
      '</changes>; rel="deprecation"; type="text/html", <https://a.example/v3/users>; rel="successor-version", </x>; rel=next'
    const headers = { 'api-version': '2', deprecation: '@1688169599', sunset: 'Sun, 30 Jun 2024 23:59:59 GMT', link }
    expect(await told(headers)).toMatchObject([
      {
        type: 'version',
        method: 'GET',
        version: '2',
        deprecatedAt: 1_688_169_599_000,
        sunsetAt: Date.UTC(2024, 5, 30, 23, 59, 59),
        links: { deprecation: '/changes', 'successor-version': 'https://a.example/v3/users' },
      },
    ])
  })

  it('reads older forms, and takes garbage for nothing', async () => {
    expect(await told({ deprecation: 'true' })).toMatchObject([{ deprecatedAt: 0 }])
    expect(await told({ deprecation: 'Sun, 11 Nov 2018 23:59:59 GMT' })).toMatchObject([
      { deprecatedAt: 1_541_980_799_000 },
    ])
    expect(await told({ deprecation: '@soon', sunset: 'never', link: '<<<>>>; rel' })).toEqual([])
    expect(await told({ 'x-served-by': 'v9' }, { seenIn: 'X-Served-By' })).toMatchObject([{ version: 'v9' }])
  })

  it('tells the same once for an endpoint, and again for another', async () => {
    const paths = ['users/1', 'users/2', 'orders/1']
    expect(await told({ deprecation: '@1688169599' }, {}, paths)).toHaveLength(2)
  })

  it.each<[ApiVersionOptions]>([
    [{ in: 'fragment' as never, value: '1' }],
    [{ in: 'path' }],
    [{ in: 'path', value: 'v1/../../admin' }],
    [{ in: 'header', value: 'a\nb' }],
    [{ value: '1' }],
    [{ in: 'media-type', value: '1', mediaType: 'application/json' }],
    [{ in: 'query', value: '1', name: 'a&b' }],
  ])('refuses %j', (options) => {
    expect(() => apiVersion(options)).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  })

  it('refuses what is no version', () => {
    expect(() => createClient({ version: 'v2' as never })).toThrow(/apiVersion\(\)/)
  })
})
