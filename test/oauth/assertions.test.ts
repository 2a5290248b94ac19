// A token for an assertion or for another token: RFC 7523, RFC 8693.
import { generateKeyPairSync } from 'node:crypto'
import { errors, type Provider } from 'oidc-provider'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createClient, memoryStore } from '../../src/index.ts'
import { jwtBearer, tokenExchange } from '../../src/oauth/oauth.ts'
import { claimsOf } from '../../src/oauth/record.ts'
import { api } from '../servers/api.ts'
import { type OpenIdProvider, openIdProvider, SECRET } from '../servers/openid.ts'
import { failure, given, textOf } from './token.ts'

afterEach(() => void vi.restoreAllMocks())

type Client = InstanceType<Provider['Client']>
const URN = 'urn:ietf:params:oauth'
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

/** Gives the tokens that these grants ask for, and remembers on whose behalf. */
async function exchanging(): Promise<OpenIdProvider> {
  const as = await openIdProvider()
  const issue = (subject: (parameters: Record<string, string>) => string | undefined) => async (ctx: object) => {
    const { client, params } = (ctx as { oidc: { client: Client; params: Record<string, string> } }).oidc
    const accountId = subject(params)
    if (!accountId) throw new errors.InvalidGrant('no subject')
    const grantId = await new as.provider.Grant({ accountId, clientId: client.clientId }).save()
    const token = new as.provider.AccessToken({ accountId, client, grantId, gty: 'exchange', scope: params.scope ?? '' } as never) // biome-ignore format: one line
    const body = { access_token: await token.save(), token_type: 'Bearer', expires_in: as.lifetime, issued_token_type: `${URN}:token-type:access_token` } // biome-ignore format: one line
    Object.assign(ctx, { body })
  }
  const words = ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type', 'audience', 'scope'] // biome-ignore format: one line
  as.provider.registerGrantType(
    `${URN}:grant-type:token-exchange`,
    issue(({ subject_token }) => (subject_token?.startsWith('good') ? subject_token : undefined)),
    words,
  )
  as.provider.registerGrantType(
    `${URN}:grant-type:jwt-bearer`,
    issue(({ assertion }) => String(claimsOf(assertion ?? '')?.sub)),
    ['assertion', 'scope'],
  )
  return as
}
const own = (as: OpenIdProvider) => ({ issuer: as.issuer, clientId: 'exchanger', clientSecret: SECRET })

describe('tokenExchange', () => {
  it('exchanges the token that is valid now, for a request and for the renewal', async () => {
    const as = await exchanging()
    let subject = 'good-1'
    const auth = tokenExchange({
      ...own(as),
      subjectToken: () => subject,
      actorToken: 'the-service',
      requestedTokenType: 'access_token',
      audience: 'https://inner.example',
      scope: 'orders:read',
    })
    const { url, seen } = await api((_, index) =>
      index === 1 ? { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } } : {},
    )
    const client = createClient({ baseUrl: url, auth })
    await client.get('')
    subject = 'good-2'
    await client.get('')
    const asked = as.posts('/token').map(({ form }) => Object.fromEntries(form))
    expect(asked).toMatchObject([
      {
        grant_type: `${URN}:grant-type:token-exchange`,
        subject_token: 'good-1',
        subject_token_type: `${URN}:token-type:access_token`,
        actor_token: 'the-service',
        actor_token_type: `${URN}:token-type:access_token`,
        requested_token_type: `${URN}:token-type:access_token`,
        audience: 'https://inner.example',
        scope: 'orders:read',
      },
      { subject_token: 'good-2' },
    ])
    expect(new Set(seen.map(({ headers }) => headers.authorization)).size).toBe(2)
  })

  it('a subject token that is no longer good asks to sign in again, and does not show', async () => {
    const as = await exchanging()
    const error = await failure(tokenExchange({ ...own(as), subjectToken: 'bad-sentinel' }).token(given()))
    expect(error).toMatchObject({ code: 'session_ended', error: 'invalid_grant' })
    expect(JSON.stringify(error) + error.stack).not.toContain('sentinel')
  })

  it('B24 two users who share a store never share a token, and nobody shares one by accident', async () => {
    const as = await exchanging()
    const store = memoryStore()
    const grant = (account: string) => tokenExchange({ ...own(as), store, account, subjectToken: `good-${account}` })
    const tokens = await Promise.all(['ada', 'bob', 'ada'].map((account) => grant(account).token(given())))
    expect(tokens.map(textOf)[0]).toBe(tokens.map(textOf)[2])
    expect(new Set(tokens.map(textOf)).size).toBe(2)
    expect(as.posts('/token')).toHaveLength(2)
    expect(() => tokenExchange({ ...own(as), store, subjectToken: 'good' })).toThrow('`account`')
    expect(() => tokenExchange({ ...own(as), subjectToken: '' })).toThrow('subjectToken')
  })
})

describe('jwtBearer', () => {
  it('signs a fresh assertion for each token', async () => {
    const as = await exchanging()
    const grant = jwtBearer({
      ...own(as),
      assertion: { privateKey: pem, keyId: 'k1', subject: 'ada', claims: { scope: 'mail' }, lifetime: 60_000 },
    })
    const first = await grant.token(given())
    await grant.renew?.(first, [], given())
    const assertions = as.posts('/token').map(({ form }) => form.get('assertion') as string)
    expect(new Set(assertions).size).toBe(2)
    const claims = claimsOf(assertions[0] as string) as Record<string, number>
    expect(claims).toMatchObject({ iss: 'exchanger', sub: 'ada', aud: as.issuer, scope: 'mail' })
    expect(Number(claims.exp) - Number(claims.iat)).toBe(60)
    expect(JSON.parse(atob(assertions[0]?.split('.')[0] as string))).toEqual({ alg: 'RS256', kid: 'k1' })
  })

  it('takes an assertion from elsewhere, or a function that fetches one', async () => {
    const as = await exchanging()
    const assertion = `x.${btoa(JSON.stringify({ sub: 'bob' }))}.x`
    for (const source of [assertion, async () => assertion]) {
      const token = await jwtBearer({ ...own(as), assertion: source }).token(given())
      expect((await as.provider.AccessToken.find(textOf(token)))?.accountId).toBe('bob')
    }
    expect(() => jwtBearer({ ...own(as), assertion, store: memoryStore() })).toThrow('`account`')
  })
})
