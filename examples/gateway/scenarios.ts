// What the client is put through, and what must come of it.
import { type AuthStrategy, apiKey, basic, bearer, type Client, type ClientEvent, createClient } from 'latchkey'
import { hmac } from 'latchkey/hmac'
import { clientCredentials } from 'latchkey/oauth'
import { demo } from './credentials.ts'

/** What a scenario knows of the gateway, in this process or in a visitor's browser. */
export interface Place {
  readonly url: string
  readonly issuer: string
  stats(): Promise<{ readonly tokenRequests: number; readonly strayed: number }>
}

export interface Scenario {
  readonly title: string
  readonly route: string
  auth(place: Place): AuthStrategy | AuthStrategy[]
  /** Runs it, and says what went wrong, or nothing. `progress` takes the share that is done, from 0 to 1. */
  run(client: Client, place: Place, progress: (share: number) => void): Promise<string | undefined>
}

const key = apiKey({ name: 'X-API-Key', value: demo.key })
const sign = () =>
  hmac({
    keyId: demo.keyId,
    secret: demo.secret,
    hash: 'sha256',
    encoding: 'hex',
    message: ({ timestamp, method, target, bodyText }) => `${timestamp}${method}${target}${bodyText}`,
    place: ({ keyId, timestamp, signature }) => ({
      headers: { 'X-Key': keyId, 'X-Timestamp': timestamp, 'X-Signature': signature },
    }),
  })

export const scenarios: readonly Scenario[] = [
  { title: 'API key in a header', route: 'key-in-header', auth: () => key, run: opens },
  {
    title: 'API key in the query',
    route: 'key-in-query',
    auth: () => apiKey({ in: 'query', name: 'api_key', value: demo.key }),
    async run(client) {
      const { url } = await client.get('key-in-query?page=2')
      return url.includes(demo.key) ? 'the key shows in Response.url' : undefined
    },
  },
  {
    title: 'API key in a cookie',
    route: 'key-in-cookie',
    auth: () => apiKey({ in: 'cookie', name: 'session_key', value: demo.key }),
    run: opens,
  },
  { title: 'Basic', route: 'basic', auth: () => basic({ username: demo.user, password: demo.password }), run: opens },
  { title: 'Bearer', route: 'bearer', auth: () => bearer(() => demo.token), run: opens },
  {
    title: 'HMAC over the raw bytes',
    route: 'hmac',
    auth: () => sign(),
    async run(client) {
      const form = new FormData()
      form.set('file', new Blob(['ünïcode']), 'a.txt')
      await client.get("hmac?q=a%20b&odd='()*")
      await client.post('hmac', { json: { item: 'bück' } })
      await client.put('hmac', { body: form })
      return undefined
    },
  },
  {
    title: 'OAuth, 20 calls at once',
    route: 'oauth',
    auth: ({ issuer }) => clientCredentials({ issuer, clientId: demo.clientId, clientSecret: demo.clientSecret }),
    async run(client, place) {
      const before = (await place.stats()).tokenRequests
      await Promise.all(Array.from({ length: 20 }, () => client.get('oauth')))
      const made = (await place.stats()).tokenRequests - before
      return made === 1 ? undefined : `${made} token requests`
    },
  },
  { title: 'Two credentials at once', route: 'two-credentials', auth: () => [key, bearer(demo.token)], run: opens },
  {
    title: '60 calls at 20 a second',
    route: 'limited',
    auth: () => key,
    async run(client, _, progress) {
      let done = 0
      const calls = Array.from({ length: 60 }, () => client.get('limited').then(() => progress(++done / 60)))
      const failed = (await Promise.allSettled(calls)).filter(({ status }) => status === 'rejected').length
      return failed ? `${failed} calls were given up` : undefined
    },
  },
  {
    title: 'Redirect to another origin',
    route: 'away',
    auth: () => key,
    async run(client, place) {
      const before = (await place.stats()).strayed
      const code = await client.get('away').then(
        () => 'followed',
        (error) => error.code,
      )
      if ((await place.stats()).strayed > before) return 'a request reached the other origin'
      return code === 'redirect_refused' ? undefined : `expected a refusal, got ${code}`
    },
  },
  { title: 'Dropped connections', route: 'drops', auth: () => key, run: opens },
  { title: 'A clock an hour off', route: 'an-hour-off', auth: () => sign(), run: opens },
]

async function opens(this: Scenario, client: Client): Promise<string | undefined> {
  const answer = await client.get(this.route).json<{ ok?: boolean }>()
  return answer.ok ? undefined : 'not let in'
}

export interface Result {
  readonly title: string
  readonly requests: number
  readonly retries: number
  readonly refused: number
  readonly tokenRequests: number
  readonly milliseconds: number
  /** undefined is a pass. */
  readonly problem: string | undefined
}

/** Plays one scenario with a client of its own. `onEvent` hears all that the client tells. */
export async function play(
  scenario: Scenario,
  place: Place,
  progress: (share: number) => void,
  onEvent: (event: ClientEvent) => void = () => {},
): Promise<Result> {
  const events: ClientEvent[] = []
  const listen = (event: ClientEvent) => {
    events.push(event)
    onEvent(event)
  }
  const before = (await place.stats()).tokenRequests
  const start = performance.now()
  const problem = await attempt(async () => {
    const client = createClient({ baseUrl: place.url, auth: scenario.auth(place), onEvent: listen })
    return scenario.run(client, place, progress)
  })
  const milliseconds = performance.now() - start
  const count = (test: (event: ClientEvent) => boolean) => events.filter(test).length
  return {
    title: scenario.title,
    requests: count(({ type }) => type === 'attempt'),
    retries: count(({ type }) => type === 'retry' || type === 'replay'),
    refused: count((event) => event.type === 'response' && event.status === 429),
    tokenRequests: (await place.stats()).tokenRequests - before,
    milliseconds,
    problem,
  }
}

async function attempt(task: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await task()
  } catch (error) {
    // A browser drops a Cookie header silently, so the strategy refuses to pretend: there, that is the right outcome.
    if (typeof document !== 'undefined' && (error as { code?: string }).code === 'runtime_unsupported') return undefined
    return `${(error as Error).name}: ${(error as Error).message}`
  }
}
