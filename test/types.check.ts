// Compiled, never run: what does not compile here is the test.
import { createFetch } from '../src/fetch.ts'
import { type AuthStrategy, apiKey, createClient, type HTTPError, isHTTPError, Secret } from '../src/index.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function is<T extends true>(): T
interface User {
  readonly name: string
}

const client = createClient({ baseUrl: 'https://api.example.com', auth: apiKey({ name: 'X', value: new Secret('x') }) })

export async function inferred(thrown: unknown): Promise<void> {
  const user = await client.get('users/1').json<User>()
  is<Same<typeof user, User>>()
  const other = await client<User>('users/1').json()
  is<Same<typeof other, User>>()
  const schema = { '~standard': { version: 1, vendor: 'x', validate: (_: unknown) => ({ value: { name: '' } }) } } as const // biome-ignore format: one line
  const valid = await client.get('users/1').json(schema)
  is<Same<typeof valid, { name: string }>>()
  if (isHTTPError<User>(thrown)) is<Same<typeof thrown, HTTPError<User>>>()
  const response = await createFetch()('https://api.example.com', { auth: false, maxWait: 1, body: () => new ReadableStream() }) // biome-ignore format: one line
  is<Same<typeof response, Response>>()
}

const strategy: AuthStrategy = {
  places: ['header:x'],
  authenticate: (request, attempt) => request.headers.set('x', String(attempt.now())),
}
export const custom = createClient({ baseUrl: 'https://api.example.com', auth: [strategy] })

// @ts-expect-error: a strategy, not a token
createClient({ auth: 'Bearer x' })
// @ts-expect-error: not ky's name
createClient({ prefixUrl: 'x' })
// @ts-expect-error: no such place
apiKey({ in: 'body', name: 'x', value: 'x' })
// @ts-expect-error: no key
apiKey({ name: 'x' })
// @ts-expect-error: milliseconds
createClient({ timeout: '1s' })
// @ts-expect-error: waits have maxWait
createClient({ retry: { maxRetryAfter: 1 } })
// @ts-expect-error: fixed for the whole client
void client.get('x', { origins: [] })
// @ts-expect-error: a Secret is no text
export const text: string = new Secret('x')
