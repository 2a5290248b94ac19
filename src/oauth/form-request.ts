import { customFetch } from 'oauth4webapi'
import type { Ask } from './client.ts'
import type { AuthorizationServer } from './server.ts'
import { invalidIssuer } from './verdict.ts'

type Endpoint = 'token_endpoint' | 'pushed_authorization_request_endpoint' | 'revocation_endpoint'

/** Sends a form to one endpoint of the authorization server, with the client's own proof in it (RFC 6749, section 2.3). */
export function formRequest(
  name: Endpoint,
  fields: Readonly<Record<string, string>>,
  more: URLSearchParams | Readonly<Record<string, string>> = {},
): Ask {
  return async (server, client, authentication, options) => {
    const endpoint = endpointOf(server, name, client.use_mtls_endpoint_aliases)
    const body = new URLSearchParams(more)
    for (const [field, value] of Object.entries(fields)) body.set(field, value)
    const headers = new Headers({ accept: 'application/json' })
    await authentication(server, client, body, headers)
    headers.set('content-type', 'application/x-www-form-urlencoded;charset=UTF-8')
    const request = { method: 'POST', body, headers, redirect: 'manual', signal: options.signal() }
    return options[customFetch](endpoint, request)
  }
}

/** RFC 8705, section 5: with a certificate, some endpoints are elsewhere. @throws OAuthError `issuer_invalid` */
function endpointOf(server: AuthorizationServer, name: Endpoint, mtls: boolean | undefined): string {
  const endpoint = (mtls && server.mtls_endpoint_aliases?.[name]) || server[name]
  if (typeof endpoint === 'string' && URL.canParse(endpoint)) return endpoint
  throw invalidIssuer(`The metadata of the server has no \`${name}\`. Check what it supports, or give \`metadata\`.`)
}
