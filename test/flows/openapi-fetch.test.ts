import createOpenApi from 'openapi-fetch'
import { expect, it } from 'vitest'
import { apiKey, createClient } from '../../src/index.ts'
import { serve } from '../hmac/server.ts'

interface Thing {
  readonly name: string
}
interface paths {
  '/things': {
    post: {
      parameters: Record<string, never>
      requestBody: { content: { 'application/json': Thing } }
      responses: {
        201: { content: { 'application/json': Thing } }
        401: { content: { 'application/json': { error: string } } }
      }
    }
  }
}

/** Verifies the key, refuses the first request of each name with 429, then answers with what it received. */
async function api() {
  const seen = new Map<string, number>()
  const origin = await serve(({ headers, body }) => {
    const json = { 'content-type': 'application/json' }
    if (headers['x-api-key'] !== 'right') return { status: 401, headers: json, body: '{"error":"key"}' }
    const { name } = JSON.parse(body.toString()) as Thing
    if (name === 'slow') return new Promise(() => {})
    seen.set(name, (seen.get(name) ?? 0) + 1)
    if (seen.get(name) === 1) return { status: 429, headers: { 'retry-after': '0.05' } }
    return { status: 201, headers: json, body: body.toString() }
  })
  return { origin, seen }
}

const clientOf = (baseUrl: string, value: string) =>
  createOpenApi<paths>({ baseUrl, fetch: createClient({ baseUrl, auth: apiKey({ name: 'X-API-Key', value }) }).fetch })

it('openapi-fetch through client.fetch: POST goes through a 429', async () => {
  const { origin, seen } = await api()
  const { data, response } = await clientOf(origin, 'right').POST('/things', { body: { name: 'one' } })
  expect([data, response.status, seen.get('one')]).toEqual([{ name: 'one' }, 201, 2])
})

it('openapi-fetch through client.fetch: a 401 is its error, not an exception', async () => {
  const { origin } = await api()
  const { error, response } = await clientOf(origin, 'wrong').POST('/things', { body: { name: 'one' } })
  expect([error, response.status]).toEqual([{ error: 'key' }, 401])
})

it('openapi-fetch through client.fetch: an abort rejects with its reason', async () => {
  const { origin } = await api()
  const control = new AbortController()
  const reason = new Error('enough')
  setTimeout(() => control.abort(reason), 20)
  const options = { body: { name: 'slow' }, signal: control.signal }
  await expect(clientOf(origin, 'right').POST('/things', options)).rejects.toBe(reason)
})
