// The authorization server of the demo: oidc-provider, embedded, on this machine.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'
import { demo } from './credentials.ts'

export interface Authorization {
  readonly issuer: string
  /** Token requests so far. */
  requests(): number
  issued(token: string): boolean
  close(): void
}

export async function startAuthorization(): Promise<Authorization> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const tokens = new Set<string>()
  let requests = 0

  const { warn } = console
  console.warn = () => {} // its advice is for those who run it for others
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: demo.clientId,
        client_secret: demo.clientSecret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: demo.programId,
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        redirect_uris: ['http://127.0.0.1/cb'],
        post_logout_redirect_uris: ['http://127.0.0.1/'],
      },
    ],
    scopes: ['openid', 'offline_access', 'orders:read'],
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      dPoP: { enabled: true },
      revocation: { enabled: true },
      // Anybody signs in, with any password.
      devInteractions: { enabled: true },
    },
    clientBasedCORS: () => true,
    ttl: { AccessToken: 600, ClientCredentials: 600, DeviceCode: 600, Grant: 3600, IdToken: 600, Interaction: 600, RefreshToken: 3600, Session: 3600 }, // biome-ignore format: one line
  })
  console.warn = warn
  for (const kind of ['client_credentials.saved', 'access_token.saved'] as const)
    provider.on(kind as 'access_token.saved', ({ jti }) => tokens.add(jti))
  const handle = provider.callback()
  server.on('request', (request, response) => {
    if (request.url === '/token' && request.method === 'POST') requests++
    handle(request, response)
  })
  return {
    issuer,
    requests: () => requests,
    issued: (token) => tokens.has(token),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
