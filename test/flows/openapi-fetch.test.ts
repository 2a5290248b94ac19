import createOpenApi from 'openapi-fetch'
import { expect, it } from 'vitest'
import { apiKey, createClient } from '../../src/index.ts'
import { api, limited } from '../servers/api.ts'

interface paths {
  '/orders': {
    post: {
      requestBody: { content: { 'application/json': { item: string } } }
      responses: {
        201: { content: { 'application/json': { id: number } } }
        401: { content: { 'application/json': { error: string } } }
      }
    }
  }
}

it('a client that nobody here wrote goes through client.fetch: POST, 429, 401, abort', async () => {
  const json = { 'content-type': 'application/json' }
  const { url, origin, seen } = await api((request, index) => {
    if (request.headers['x-key'] !== 'right') return { status: 401, headers: json, body: '{"error":"who are you"}' }
    return index === 0 ? limited('0') : { status: 201, headers: json, body: `{"id":${request.body.length}}` }
  })
  const client = createClient({ baseUrl: url, auth: apiKey({ name: 'X-Key', value: 'right' }) })
  const orders = createOpenApi<paths>({ baseUrl: origin, fetch: client.fetch })

  const created = await orders.POST('/orders', { body: { item: 'book' } })
  expect(created.data).toEqual({ id: '{"item":"book"}'.length })
  expect(seen.map(({ method, url: path, body }) => `${method} ${path} ${body}`)).toEqual(
    Array(2).fill('POST /orders {"item":"book"}'),
  )

  const wrong = client.extend({ auth: apiKey({ name: 'X-Key', value: 'wrong' }) })
  const refused = await createOpenApi<paths>({ baseUrl: origin, fetch: wrong.fetch }).POST('/orders', {
    body: { item: 'x' },
  })
  expect(refused.response.status).toBe(401)
  expect(refused.error).toEqual({ error: 'who are you' })

  const control = new AbortController()
  const aborted = orders.POST('/orders', { body: { item: 'late' }, signal: control.signal })
  control.abort(new Error('never mind'))
  await expect(aborted).rejects.toThrow('never mind')
})
