import { expect } from 'vitest'
import type { OAuthError } from '../../src/oauth/oauth.ts'
import type { AccessToken, TokenContext } from '../../src/types.ts'

export const given = (options: Partial<TokenContext> = {}): TokenContext => ({
  origin: 'https://api.example.com',
  signal: new AbortController().signal,
  now: Date.now,
  report: () => {},
  ...options,
})

export const textOf = (token: AccessToken): string => token.value.use((value) => value)

export const failure = (call: Promise<unknown>): Promise<OAuthError> =>
  call.then(
    () => expect.unreachable(),
    (error) => error,
  )
