// The authorization server: who it is, and where its endpoints are (OpenID Connect Discovery 1.0; RFC 8414).
import {
  type AuthorizationServer,
  allowInsecureRequests,
  customFetch,
  discoveryRequest,
  processDiscoveryResponse,
} from 'oauth4webapi'
import { CredentialError, OAuthError } from '../errors.ts'
import { isLoopback, parseUrl } from '../http/origin.ts'
import type { Fetch } from '../types.ts'
import { unavailable } from './verdict.ts'

export type { AuthorizationServer } from 'oauth4webapi'

export interface ServerOptions {
  /** The issuer identifier, exactly as the server states it. Its metadata is fetched once. */
  issuer: string | URL
  /** Where there is no discovery: the metadata itself, with `token_endpoint` at least. Nothing is fetched then. */
  metadata?: Omit<AuthorizationServer, 'issuer'>
  /** Carries the requests to the authorization server, which never go through the client they serve. Default: the platform's fetch. */
  fetch?: Fetch
}

export interface Server {
  readonly issuer: URL
  metadata(): Promise<AuthorizationServer>
  /** What every request to this server needs: transport, a time of its own, http for this machine only. */
  requestOptions(): {
    [customFetch]: (url: string, init: object) => Promise<Response>
    [allowInsecureRequests]: boolean
    signal: () => AbortSignal
  }
}

/** Milliseconds one request to the authorization server may take. */
const REQUEST_TIMEOUT = 10_000

/**
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `insecure_url`
 */
export function createServer(options: ServerOptions): Server {
  const issuer = parseUrl(options.issuer, 'issuer')
  secure(issuer)
  if (options.metadata?.token_endpoint)
    secure(parseUrl(String(options.metadata.token_endpoint), 'metadata.token_endpoint'))
  const transport = options.fetch
  // The identifier is compared as written: a URL would add a slash to it.
  const identifier = String(options.issuer)
  let known: AuthorizationServer | undefined = options.metadata && { ...options.metadata, issuer: identifier }

  const server: Server = {
    issuer,
    // A failure is not kept. Who shares a token shares the request for it, and so this one.
    async metadata() {
      known ??= await discover(issuer, identifier, server)
      return known
    },
    requestOptions: () => ({
      [customFetch]: (input, init) => (transport ?? globalThis.fetch)(input, init),
      [allowInsecureRequests]: isLoopback(issuer.hostname),
      signal: () => AbortSignal.timeout(REQUEST_TIMEOUT),
    }),
  }
  return server
}

async function discover(issuer: URL, identifier: string, server: Server): Promise<AuthorizationServer> {
  for (const algorithm of ['oidc', 'oauth2'] as const) {
    const response = await discoveryRequest(issuer, { ...server.requestOptions(), algorithm }).catch(() => {
      throw unavailable('could not be reached')
    })
    if (response.status === 404 || response.status === 400) continue
    if (response.status !== 200) throw unavailable('gave no metadata', response)
    const metadata = await read(issuer, response)
    if (metadata.issuer !== identifier && `${metadata.issuer}/` !== issuer.href)
      throw invalid(`The metadata names another issuer than ${identifier}.`)
    if (!metadata.token_endpoint)
      throw invalid('The metadata has no `token_endpoint`. Give `metadata` where there is no discovery.')
    secure(parseUrl(metadata.token_endpoint, 'token_endpoint'))
    return metadata
  }
  throw invalid(
    `There is no metadata at ${issuer.origin}. Check \`issuer\`, or give \`metadata\` where there is no discovery.`,
  )
}

async function read(issuer: URL, response: Response): Promise<AuthorizationServer> {
  // A login page of the network in between is a server that cannot be reached, not a wrong issuer.
  if (!/json/.test(response.headers.get('content-type') ?? '')) throw unavailable('gave no metadata', response)
  try {
    return await processDiscoveryResponse(issuer, response)
  } catch {
    throw invalid(`What ${issuer.origin} says of itself is no metadata of \`issuer\`, or names another one.`)
  }
}

/** Client credentials and tokens never travel in clear text beyond this machine. */
function secure(url: URL): void {
  if (url.protocol !== 'https:' && !isLoopback(url.hostname))
    throw new CredentialError('insecure_url', `Client credentials are not sent over http to ${url.host}. Use https.`)
}

function invalid(message: string): OAuthError {
  return new OAuthError('issuer_invalid', message)
}
