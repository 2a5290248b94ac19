import { mapAdapter } from '../servers/map-adapter.ts'
import { type OpenIdProvider, openIdProvider } from '../servers/openid.ts'

export interface Strict {
  readonly as: OpenIdProvider
  /** `error` codes of the token endpoint, in their order. */
  readonly refusals: string[]
  /** How often the API said 200 and 401. */
  readonly served: { good: number; bad: number }
  /** A refresh token of a new session. */
  mint(clientId?: string): Promise<string>
}

const FOR_PAGES = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'authorization',
  'access-control-expose-headers': 'www-authenticate',
}

/** oidc-provider as it is strictest: each refresh token once, a used one ends the family; and an API at the same origin that looks into its book. */
export async function strictProvider(): Promise<Strict> {
  const served = { good: 0, bad: 0 }
  const refusals: string[] = []
  // The provider counts whole seconds of the clock, so that a token of one second may end at once.
  const endsAt = new Map<string, number>()
  const as = await openIdProvider({
    configuration: { adapter: mapAdapter() },
    beside(request, response) {
      if (request.url !== '/api') return false
      for (const [name, value] of Object.entries(FOR_PAGES)) response.setHeader(name, value)
      if (request.method === 'OPTIONS') return Boolean(response.end())
      const bearer = (request.headers.authorization ?? '').replace('Bearer ', '')
      void as.provider.AccessToken.find(bearer, { ignoreExpiration: true }).then((token) => {
        const good = token !== undefined && Date.now() < (endsAt.get(bearer) ?? 0)
        served[good ? 'good' : 'bad']++
        if (!good) response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' })
        response.end('{}')
      })
      return true
    },
  })
  as.provider.on('access_token.saved', ({ jti, expiration }) => endsAt.set(jti, Date.now() + expiration * 1000))
  as.provider.on('grant.error', (_, error) => refusals.push(error.message))
  return {
    as,
    refusals,
    served,
    async mint(clientId = 'app') {
      const { provider } = as
      const client = await provider.Client.find(clientId)
      const grant = new provider.Grant({ accountId: 'alice', clientId })
      grant.addOIDCScope('openid offline_access orders:read')
      const token = new provider.RefreshToken({
        accountId: 'alice',
        client,
        grantId: await grant.save(),
        gty: 'authorization_code',
        scope: 'openid offline_access orders:read',
        authTime: Math.floor(Date.now() / 1000),
      } as never)
      return token.save()
    },
  }
}
