// One fake of each central type, as small as its contract allows: for tests that need the shape and not the thing.
import { Secret } from '../../src/secret.ts'
import type {
  AccessToken,
  Answer,
  Attempt,
  AuthStrategy,
  Challenge,
  LimitedCall,
  Limiter,
  TokenContext,
  TokenSource,
} from '../../src/types.ts'

export const fakeChallenge = (parameters: Record<string, string> = { error: 'invalid_token' }): Challenge => ({
  scheme: 'bearer',
  parameters,
})

/** Writes a header that counts its attempts, and asks for another one while `reasons` last. */
export function fakeStrategy(reasons: string[] = []): AuthStrategy & { readonly attempts: number[] } {
  const attempts: number[] = []
  return {
    attempts,
    places: ['header:x-fake'],
    authenticate(request, attempt) {
      attempts.push(attempt.number)
      request.headers.set('x-fake', String(attempts.length))
    },
    onResponse: () => reasons.shift(),
  }
}

export function fakeAttempt(url = 'https://api.example.com/', more: Partial<Attempt> = {}): Attempt {
  const attempt = {
    number: 1,
    honoured: [],
    url: new URL(url),
    setUrl: (next: URL) => void Object.assign(attempt, { url: next }),
    setBody: (body: Uint8Array<ArrayBuffer>) => void Object.assign(attempt, { body }),
    signal: new AbortController().signal,
    now: Date.now,
    correct: () => false,
    explain: () => {},
    report: () => {},
    ...more,
  }
  return attempt
}

export const fakeAnswer = (status: number, headers: HeadersInit = {}, body = ''): Answer => ({
  status,
  headers: new Headers(headers),
  url: new URL('https://api.example.com/'),
  peek: async () => body,
  content: async () => new TextEncoder().encode(body),
})

export const fakeToken = (value: string, more: Partial<AccessToken> = {}): AccessToken => ({
  value: new Secret(value),
  type: 'Bearer',
  ...more,
})

/** Gives token-1, and the next one for each renewal that names the current one. */
export function fakeTokenSource(): TokenSource & { readonly renewals: number } {
  let current = fakeToken('token-1')
  let renewals = 0
  return {
    get renewals() {
      return renewals
    },
    token: async () => current,
    async renew(rejected) {
      if (rejected === current) current = fakeToken(`token-${++renewals + 1}`)
      return true
    },
  }
}

export const fakeContext = (more: Partial<TokenContext> = {}): TokenContext => ({
  origin: 'https://api.example.com',
  signal: new AbortController().signal,
  now: Date.now,
  report: () => {},
  ...more,
})

let order = 0

/** What a limiter knows of an attempt; each one made after the one before. */
export const fakeCall = (more: Partial<LimitedCall> = {}): LimitedCall => ({
  scope: 'a',
  method: 'GET',
  url: 'https://a.example/',
  attempt: 1,
  order: ++order,
  signal: new AbortController().signal,
  maxWait: 60_000,
  deadlineAt: Number.POSITIVE_INFINITY,
  timeout: 10_000,
  waiting: () => {},
  ...more,
})

/** Lets everything through, and remembers what it saw. */
export function fakeLimiter(): Limiter & { readonly scopes: string[] } {
  const scopes: string[] = []
  return {
    scopes,
    run(call, send) {
      scopes.push(call.scope)
      return send()
    },
    limits: () => [],
  }
}
