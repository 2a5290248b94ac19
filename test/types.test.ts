import { expect, it } from 'vitest'
import { createFetch } from '../src/fetch.ts'
import { apiKey, bearer, memoryStore } from '../src/index.ts'
import { tokenStrategy } from '../src/token.ts'
import {
  fakeAnswer,
  fakeAttempt,
  fakeChallenge,
  fakeContext,
  fakeLimiter,
  fakeStrategy,
  fakeToken,
  fakeTokenSource,
} from './fakes/fakes.ts'
import { api } from './servers/api.ts'

// A type is right when the least thing that has its shape is enough for everything that takes it.

it('a strategy: authenticates each attempt, each reason is honoured once', async () => {
  const { url, seen } = await api(() => ({ status: 401 }))
  const strategy = fakeStrategy(['one', 'two', 'two', 'one', 'three'])
  expect((await createFetch({ baseUrl: url, auth: strategy })(url)).status).toBe(401)
  expect(strategy.attempts).toEqual([1, 2, 3])
  expect(seen.map(({ headers }) => headers['x-fake'])).toEqual(['1', '2', '3'])
})

it('a token source: renewed once per request, by the token that was refused', async () => {
  const { url } = await api(({ headers }) => ({ status: headers.authorization === 'Bearer token-2' ? 200 : 401 }))
  const source = fakeTokenSource()
  const fetch = createFetch({ baseUrl: url, auth: bearer(source) })
  expect((await Promise.all([fetch(url), fetch(url), fetch(url)])).map(({ status }) => status)).toEqual([200, 200, 200])
  expect(source.renewals).toBe(1)
  expect(await source.renew?.(fakeToken('old'), [fakeChallenge()], fakeContext())).toBe(true)
  expect(source.renewals).toBe(1)
})

it('an attempt and an answer: enough for a strategy by hand', async () => {
  const request = new Request('https://api.example.com/')
  const attempt = fakeAttempt()
  const strategy = tokenStrategy(fakeTokenSource())
  await strategy.authenticate(request, attempt)
  expect(request.headers.get('authorization')).toBe('Bearer token-1')
  expect(await strategy.onResponse?.(fakeAnswer(200), attempt)).toBeUndefined()
  expect(await strategy.onResponse?.(fakeAnswer(401), attempt)).toBe('invalid_token')
  expect(await strategy.onResponse?.(fakeAnswer(401), fakeAttempt())).toBeUndefined()
  await apiKey({ in: 'query', name: 'k', value: 'v' }).authenticate(request, attempt)
  expect(attempt.url.search).toBe('?k=v')
})

it('a limiter: sees the scope of each attempt, which holds no credential', async () => {
  const { url, seen } = await api((_, index) => ({ status: index ? 200 : 503 }))
  const limiter = fakeLimiter()
  await createFetch({
    baseUrl: url,
    limiter,
    retry: { delay: () => 1 },
    auth: apiKey({ name: 'X-Key', value: 'secret', identity: 'app' }),
  })(url)
  expect(limiter.scopes).toEqual(Array(2).fill(`${new URL(url).origin} app`))
  expect(seen).toHaveLength(2)
})

it('a store: memoryStore is the fake, and the contract its proof', () => {
  expect(memoryStore().traits.backend).toBe('memory')
})
