import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { expect, it, onTestFinished } from 'vitest'
import { apiKey, createClient } from '../../src/index.ts'

it('the transport is looked up for each attempt, so that what replaces fetch later is used: msw', async () => {
  const client = createClient({
    baseUrl: 'https://api.example.com',
    auth: apiKey({ name: 'X-Key', value: 'key' }),
    retry: { delay: () => 1 },
  })
  let calls = 0
  const server = setupServer(
    http.get('https://api.example.com/users', ({ request }) =>
      ++calls === 1
        ? new HttpResponse(null, { status: 503 })
        : HttpResponse.json({ key: request.headers.get('x-key') }),
    ),
  )
  server.listen({ onUnhandledFrame: 'error' })
  onTestFinished(() => server.close())
  expect(await client.get('users').json()).toEqual({ key: 'key' })
  expect(calls).toBe(2)
})
