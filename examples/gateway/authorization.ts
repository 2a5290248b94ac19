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
    ],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    clientBasedCORS: () => true,
    ttl: { ClientCredentials: 600 },
  })
  console.warn = warn
  provider.on('client_credentials.saved', (token) => tokens.add((token as unknown as { jti: string }).jti))
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
