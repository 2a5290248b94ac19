import { expect, it } from 'vitest'
import { type ClientCredentialsOptions, clientCredentials } from '../../src/oauth/oauth.ts'
import type { TokenContext } from '../../src/types.ts'

const context: TokenContext = {
  origin: 'https://api.example.com',
  signal: new AbortController().signal,
  now: Date.now,
  report() {},
}

/** Asks for a token; gives what was sent for it. */
async function asked(options: Partial<ClientCredentialsOptions>) {
  const sent: { url: string; init: RequestInit }[] = []
  const grant = clientCredentials({
    issuer: 'https://as.example.com',
    clientId: 'service',
    ...options,
    fetch: async (url, init) => {
      sent.push({ url: String(url), init: init ?? {} })
      return Response.json({ access_token: 'a', token_type: 'Bearer' })
    },
  })
  await grant.token(context)
  return sent
}

const token_endpoint = 'https://as.example.com/token'
const aliases = { mtls_endpoint_aliases: { token_endpoint: 'https://mtls.example.com/token' } }

it('a certificate is shown where the server asks for it (RFC 8705, section 5), and only a certificate', async () => {
  const metadata = { token_endpoint, ...aliases }
  expect((await asked({ metadata, clientAuthentication: 'tls' }))[0]?.url).toBe('https://mtls.example.com/token')
  expect((await asked({ metadata, clientSecret: 's' }))[0]?.url).toBe(token_endpoint)
  expect((await asked({ metadata: { token_endpoint }, clientAuthentication: 'tls' }))[0]?.url).toBe(token_endpoint)
})

it('a form goes where no redirect can take it, in a bounded time', async () => {
  const [{ init } = { init: {} as RequestInit }] = await asked({
    metadata: { token_endpoint },
    clientSecret: 's',
    scope: 'a b',
  })
  expect(init).toMatchObject({ method: 'POST', redirect: 'manual', signal: expect.any(AbortSignal) })
  expect(String(init.body)).toBe('scope=a+b&grant_type=client_credentials')
  expect(new Headers(init.headers).get('content-type')).toMatch(/^application\/x-www-form-urlencoded/)
  expect(new Headers(init.headers).get('accept')).toBe('application/json')
})

it('metadata without the endpoint is told, and nothing is sent', async () => {
  await expect(asked({ metadata: {}, clientSecret: 's' })).rejects.toMatchObject({
    code: 'issuer_invalid',
    message: expect.stringMatching(/token_endpoint/),
  })
})
