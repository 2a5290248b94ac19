// An OpenID provider that nobody here wrote, embedded, with every grant switched on, users who click at once, and faults to order.
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Configuration, errors, Provider } from 'oidc-provider'
import { onTestFinished, vi } from 'vitest'
import type { Fault } from './authorization.ts'

export const SECRET = 's3cr3t-%&:+~ that is long enough for HS512, whose key must have sixty-four bytes'
export const CALLBACK = 'http://127.0.0.1/cb'

interface Arrived {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly form: URLSearchParams
}

export interface OpenIdProvider {
  readonly issuer: string
  readonly provider: Provider
  /** Every POST that arrived, by its path, faults included. */
  posts(path: string): Arrived[]
  /** The next requests to a path meet these, one each. */
  readonly faults: Record<string, Fault[]>
  /** Seconds new access tokens live. */
  lifetime: number
  /** Every DPoP proof for the token endpoint must carry its nonce. */
  wantsNonce: boolean
  /** What the user does when asked. */
  user: 'agrees' | 'refuses'
  /** The `sub` of the user who signs in. */
  account: string
  /** As it tells others (RFC 7662). */
  isActive(token: string): Promise<boolean>
  /** A user agent with cookies of its own: goes where it is sent, and gives the first URL of another origin. */
  visit(url: string): Promise<string>
  /** Another one. */
  browser(): (url: string) => Promise<string>
  /** The user at another device types the code and agrees. */
  approve(userCode: string): Promise<void>
}

type Client = NonNullable<Configuration['clients']>[number]
const native = { application_type: 'native', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' } as const
const machine = { redirect_uris: [], response_types: [] as never[] }
const codeAndRefresh = ['authorization_code', 'refresh_token']

const CLIENTS: Client[] = [
  { ...native, client_id: 'app', grant_types: codeAndRefresh, post_logout_redirect_uris: ['http://127.0.0.1/bye'], authorization_details_types: ['payment'] },
  { client_id: 'web', client_secret: SECRET, redirect_uris: [CALLBACK], application_type: 'native', grant_types: codeAndRefresh },
  { ...native, client_id: 'pusher', grant_types: codeAndRefresh, require_pushed_authorization_requests: true },
  { ...native, ...machine, client_id: 'tv', grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'] },
  { ...machine, client_id: 'bank', client_secret: SECRET, grant_types: ['urn:openid:params:grant-type:ciba', 'refresh_token'], backchannel_token_delivery_mode: 'poll' },
  { ...machine, client_id: 'hs', client_secret: SECRET, grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_jwt' },
  { ...machine, client_id: 'exchanger', client_secret: SECRET, grant_types: ['urn:ietf:params:oauth:grant-type:token-exchange', 'urn:ietf:params:oauth:grant-type:jwt-bearer'] },
] // biome-ignore format: one client a line

const ALGORITHMS = ['RS', 'PS', 'ES', 'HS'].flatMap((kind) => [256, 384, 512].map((bits) => `${kind}${bits}`)).concat('EdDSA') as never[] // biome-ignore format: one line

export interface OpenIdOptions {
  clients?: Client[]
  configuration?: Configuration
  /** Default: http on loopback. */
  server?: { listen: Server; scheme: 'http' | 'https' }
  /** Answers first what is not for the provider; false when it is not its. */
  beside?: (...args: Parameters<RequestListener>) => boolean
}

export async function openIdProvider(options: OpenIdOptions = {}): Promise<OpenIdProvider> {
  const { listen: server, scheme } = options.server ?? { listen: createServer(), scheme: 'http' as const }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
  // Its advice is for those who run it for others.
  for (const level of ['warn', 'info'] as const) vi.spyOn(console, level).mockImplementation(() => {})
  const posts: Arrived[] = []
  const lifetime = () => state.lifetime
  const provider = new Provider(issuer, {
    clients: [...CLIENTS, ...(options.clients ?? [])],
    scopes: ['openid', 'offline_access', 'orders:read', 'orders:write'],
    acrValues: ['0', 'gold'],
    claims: { openid: ['sub'] },
    cookies: { keys: ['a key for the tests'] },
    clientBasedCORS: () => true,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    findAccount: async (_, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    // Every algorithm, so that the client is what decides.
    enabledJWA: { clientAuthSigningAlgValues: ALGORITHMS, requestObjectSigningAlgValues: ALGORITHMS },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    ttl: { AccessToken: lifetime, ClientCredentials: lifetime, Session: 3600, Grant: 3600, Interaction: 600, DeviceCode: 600, BackchannelAuthenticationRequest: 600 }, // biome-ignore format: one line
    ...options.configuration,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      registration: { enabled: true },
      requestObjects: { enabled: true },
      claimsParameter: { enabled: true },
      dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => state.wantsNonce },
      deviceFlow: { enabled: true },
      ciba: {
        enabled: true,
        deliveryModes: ['poll'],
        triggerAuthenticationDevice: () => {},
        validateBindingMessage: () => {},
        validateRequestContext: () => {},
        verifyUserCode: () => {},
        processLoginHint: async (_: unknown, hint: string) => hint,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: (_: unknown, resource: string) => {
          if (!resource.startsWith('https://')) throw new errors.InvalidTarget()
          return { scope: 'orders:read orders:write', audience: resource, accessTokenFormat: 'opaque' }
        },
      },
      richAuthorizationRequests: {
        enabled: true,
        types: { payment: { validate: () => {} } },
        authorizationDetailsForGrantSource: () => undefined,
        authorizationDetailsForAccessToken: () => undefined,
        authorizationDetailsForIntrospection: () => undefined,
      },
      ...options.configuration?.features,
    } as never,
  })
  const handle = provider.callback()
  // What it tells nobody over the wire.
  provider.on('server_error', (_, error) => console.error(error))
  const state: OpenIdProvider = {
    issuer,
    provider,
    posts: (path) => posts.filter((post) => post.path === path),
    faults: {},
    lifetime: 600,
    wantsNonce: false,
    user: 'agrees',
    account: 'alice',
    async isActive(token) {
      const basic = Buffer.from(`web:${encodeURIComponent(SECRET)}`).toString('base64')
      const response = await fetch(`${issuer}/token/introspection`, {
        method: 'POST',
        headers: { authorization: `Basic ${basic}` },
        body: new URLSearchParams({ token }),
      })
      return (await response.json()).active
    },
    visit: userAgent(issuer),
    browser: () => userAgent(issuer),
    async approve(userCode) {
      const page = userAgent(issuer)
      const form = async (html: Promise<string>, url: string, fields: Record<string, string>) => {
        const hidden = [...(await html).matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [
          name,
          value,
        ])
        return page(url, new URLSearchParams({ ...Object.fromEntries(hidden), ...fields }))
      }
      const confirm = form(page(`${issuer}/device`), `${issuer}/device`, { user_code: userCode })
      await form(confirm, `${issuer}/device`, { user_code: userCode, confirm: 'yes' })
    },
  }
  server.on('request', async (request: IncomingMessage, response) => {
    if (options.beside?.(request, response)) return
    const path = (request.url ?? '').replace(/\?.*/, '')
    if (path.startsWith('/interaction/')) return interact(request, response).catch(() => response.writeHead(500).end())
    // What the user posts is read late, and would be gone.
    if (request.method === 'POST' && path !== '/device') {
      let body = ''
      request.on('data', (chunk) => (body += chunk))
      posts.push({
        path,
        headers: request.headers,
        get form() {
          return new URLSearchParams(body)
        },
      })
    }
    const fault = request.method === 'OPTIONS' ? undefined : state.faults[path]?.shift()
    if (fault) fault(response)
    else handle(request, response)
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return state

  async function interact(...[request, response]: Parameters<RequestListener>): Promise<void> {
    const details = await provider.interactionDetails(request, response)
    const { prompt, params, session, grantId } = details
    if (state.user === 'refuses')
      return provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'no' })
    if (prompt.name === 'login') {
      const acr = String(params.acr_values ?? '0').split(' ')[0] as string
      const login = { accountId: (params.login_hint as string) ?? state.account, acr }
      return provider.interactionFinished(request, response, { login })
    }
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session?.accountId as string, clientId: params.client_id as string })
    if (!grant) throw new Error('no grant')
    const missing = prompt.details as { missingOIDCScope?: string[]; missingResourceScopes?: Record<string, string[]>; missingOIDCClaims?: string[]; rar?: { type: string }[] } // biome-ignore format: one line
    if (missing.missingOIDCScope) grant.addOIDCScope(missing.missingOIDCScope.join(' '))
    if (missing.missingOIDCClaims) grant.addOIDCClaims(missing.missingOIDCClaims)
    for (const [resource, scopes] of Object.entries(missing.missingResourceScopes ?? {}))
      grant.addResourceScope(resource, scopes.join(' '))
    for (const detail of missing.rar ?? []) grant.addRar(detail)
    const consent = { grantId: await grant.save() }
    await provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true })
  }
}

/** Follows redirects with its cookies; the text of the page where they end, or the first URL beyond the issuer. */
function userAgent(issuer: string): (url: string, form?: URLSearchParams) => Promise<string> {
  const cookies = new Map<string, string>()
  return async (start, form) => {
    let url = start
    let body = form
    for (let hop = 0; hop < 20; hop++) {
      const response = await fetch(url, {
        redirect: 'manual',
        headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
        ...(body && { method: 'POST', body }),
      })
      body = undefined
      for (const cookie of response.headers.getSetCookie()) {
        const [pair = ''] = cookie.split(';')
        const [name = '', ...value] = pair.split('=')
        if (value.join('=')) cookies.set(name, value.join('='))
        else cookies.delete(name)
      }
      const location = response.headers.get('location')
      if (!location) return response.text()
      url = new URL(location, url).href
      if (!url.startsWith(`${issuer}/`)) return url
    }
    throw new Error('went round in circles')
  }
}
