import { inspect } from 'node:util'
import { afterEach, expect, it, vi } from 'vitest'
import { clientCredentials, registerClient } from '../../src/oauth/oauth.ts'
import { answers } from '../servers/authorization.ts'
import { openIdProvider } from '../servers/openid.ts'
import { failure, given, textOf } from './token.ts'

afterEach(() => void vi.restoreAllMocks())

const client = { client_name: 'A service', redirect_uris: [], response_types: [], grant_types: ['client_credentials'] }

it('a client registers itself, and works', async () => {
  const as = await openIdProvider()
  const { clientId, clientSecret, registrationToken, registrationUri, client: made } = await registerClient({ issuer: as.issuer, client }) // biome-ignore format: one line
  const grant = clientCredentials({ issuer: as.issuer, clientId, clientSecret: clientSecret as NonNullable<typeof clientSecret> }) // biome-ignore format: one line
  expect(await as.isActive(textOf(await grant.token(given())))).toBe(true)
  expect(made).toMatchObject({ client_name: 'A service', token_endpoint_auth_method: 'client_secret_basic' })
  expect(registrationUri).toBe(`${as.issuer}/reg/${clientId}`)
  expect(registrationToken?.use((token) => token.length)).toBeGreaterThan(20)
  expect(made).not.toHaveProperty('client_secret')
  expect(made).not.toHaveProperty('registration_access_token')
})

it('an initial access token is sent where the server wants one', async () => {
  const as = await openIdProvider({
    configuration: { features: { registration: { enabled: true, initialAccessToken: 'sesame' } } },
  })
  expect(await failure(registerClient({ issuer: as.issuer, client }))).toMatchObject({ code: 'client_misconfigured' })
  expect(
    (await registerClient({ issuer: as.issuer, client, initialAccessToken: () => 'sesame' })).clientId,
  ).toBeTruthy()
})

it('what goes wrong has a verdict and shows nothing', async () => {
  const as = await openIdProvider()
  const register = () => registerClient({ issuer: as.issuer, client })
  const wrong = registerClient({ issuer: as.issuer, client: { ...client, redirect_uris: 'canary' } })
  expect(await failure(wrong)).toMatchObject({ code: 'client_misconfigured', status: 400 })
  as.faults['/reg'] = [
    answers(503, {}),
    answers(429, {}, { 'retry-after': '60' }),
    answers(201, '<html>canary'),
    answers(201, { client_secret: 'canary' }),
    answers(403, { secret: 'canary' }),
    answers(200, { error: 'access_denied', error_description: 'canary' }),
  ]
  const codes = ['token_unavailable', 'token_unavailable', 'token_unavailable', 'token_unavailable', 'client_misconfigured', 'interaction_required'] // biome-ignore format: one line
  for (const code of codes) {
    const error = await failure(register())
    expect(error.code).toBe(code)
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('canary')
  }
  const without = registerClient({ issuer: as.issuer, metadata: { token_endpoint: `${as.issuer}/token` }, client })
  expect(await failure(without)).toMatchObject({ code: 'issuer_invalid' })
})
