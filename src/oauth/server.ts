// The authorization server: who it is, and where its endpoints are (OpenID Connect Discovery 1.0; RFC 8414).
import { type AuthorizationServer, allowInsecureRequests, customFetch } from 'oauth4webapi'
import { CredentialError, LatchkeyError } from '../errors.ts'
import { isLoopback, parseUrl } from '../http/origin.ts'
import { abortable } from '../timing.ts'
import type { Fetch } from '../types.ts'
import { invalidIssuer, unavailable } from './verdict.ts'

export type { AuthorizationServer } from 'oauth4webapi'

/** An issuer that must first be learned, e.g. from what a resource says of itself. */
export interface IssuerSource {
  /** Tells sessions of different sources apart. No secret. */
  readonly name: string
  resolve(): Promise<string>
}

export interface ServerOptions {
  /** The issuer identifier, exactly as the server states it, or what `protectedResource()` gives. Its metadata is fetched once. */
  issuer: string | URL | IssuerSource
  /** Where there is no discovery: the metadata itself, with `token_endpoint` at least. Nothing is fetched then. */
  metadata?: Omit<AuthorizationServer, 'issuer'>
  /** Carries the requests to the authorization server, which never go through the client they serve. Default: the platform's fetch. */
  fetch?: Fetch
}

export interface Server {
  /** Of the issuer as it was configured. */
  readonly name: string
  metadata(): Promise<AuthorizationServer>
  /** A fetch with a time of its own that carries nothing in clear text beyond this machine. */
  readonly fetch: Fetch
}

/**
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `insecure_url`
 */
export function createServer(options: ServerOptions): Server {
  const { issuer, metadata, fetch: transport } = options
  const learned = typeof issuer === 'object' && !(issuer instanceof URL) && issuer !== null && 'resolve' in issuer
  if (!learned) secure(parseUrl(issuer, 'issuer'))
  if (learned && metadata)
    throw new LatchkeyError('invalid_option', 'Give either `metadata`, or an `issuer` that is learned from a resource.')
  if (metadata?.token_endpoint) secure(parseUrl(String(metadata.token_endpoint), 'metadata.token_endpoint'))
  // The identifier is compared as written: a URL would add a slash to it.
  let known: AuthorizationServer | undefined = metadata && { ...metadata, issuer: String(issuer) }

  const server: Server = {
    name: learned ? issuer.name : String(issuer),
    // A failure is not kept. Who shares a token shares the request for it, and so this one.
    async metadata() {
      known ??= await discover(learned ? await issuer.resolve() : String(issuer), server.fetch)
      return known
    },
    async fetch(input, init) {
      secure(parseUrl(String(input), 'endpoint'))
      try {
        const work = (transport ?? globalThis.fetch)(input, init)
        // Also where the transport heeds no signal: who waits for it may hold a lock.
        return limited(await (init?.signal ? abortable(work, init.signal) : work))
      } catch {
        throw unavailable('could not be reached')
      }
    },
  }
  return server
}

/** Bytes of an answer: far more than a server has to say. */
const MOST = 1024 * 1024

/** Breaks off where the body is longer than any that is meant. */
export function limited(response: Response): Response {
  if (!response.body) return response
  let left = MOST
  const limit = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      left -= chunk.length
      if (left < 0) throw new RangeError()
      controller.enqueue(chunk)
    },
  })
  return new Response(response.body.pipeThrough(limit), response)
}

/** Milliseconds one request to the authorization server may take. */
export const REQUEST_TIMEOUT = 10_000

async function discover(identifier: string, fetch: Fetch): Promise<AuthorizationServer> {
  const issuer = parseUrl(identifier, 'issuer')
  for (const url of placesOf(issuer)) {
    const headers = { accept: 'application/json' }
    const response = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(REQUEST_TIMEOUT) })
    if (response.status === 404 || response.status === 400) continue
    if (response.status !== 200) throw unavailable('gave no metadata', response)
    const metadata = await read(issuer, response)
    if (metadata.issuer !== identifier && `${metadata.issuer}/` !== issuer.href)
      throw invalidIssuer(`The metadata names another issuer than ${identifier}.`)
    if (!metadata.token_endpoint)
      throw invalidIssuer('The metadata has no `token_endpoint`. Give `metadata` where there is no discovery.')
    secure(parseUrl(metadata.token_endpoint, 'token_endpoint'))
    keepAtHome(metadata, issuer)
    return metadata
  }
  throw invalidIssuer(
    `There is no metadata at ${issuer.origin}. Check \`issuer\`, or give \`metadata\` where there is no discovery.`,
  )
}

/** What oauth4webapi is told with each request: `fetch` above has decided which URLs are safe. */
export function through(
  fetch: Fetch,
  timeout: number = REQUEST_TIMEOUT,
): {
  [customFetch]: (url: string, init: object) => Promise<Response>
  [allowInsecureRequests]: boolean
  signal: () => AbortSignal
} {
  return {
    [customFetch]: (url, init) => fetch(url, init),
    [allowInsecureRequests]: true,
    signal: () => AbortSignal.timeout(Math.floor(timeout)),
  }
}

async function read(issuer: URL, response: Response): Promise<AuthorizationServer> {
  // A login page of the network in between is a server that cannot be reached, not a wrong issuer.
  if (!/json/.test(response.headers.get('content-type') ?? '')) throw unavailable('gave no metadata', response)
  const metadata = await response.json().catch(() => undefined)
  if (typeof metadata?.issuer !== 'string')
    throw invalidIssuer(`What ${issuer.origin} says of itself is no metadata: it has no \`issuer\`.`)
  return metadata
}

/** OpenID Connect Discovery, section 4: behind the path of the issuer; RFC 8414, section 3.1: before it. */
function placesOf({ origin, pathname }: URL): string[] {
  const path = pathname.replace(/\/$/, '')
  return [`${path}/.well-known/openid-configuration`, `/.well-known/oauth-authorization-server${path}`].map(
    (place) => origin + place,
  )
}

/** What came in clear text may name no other origin: whoever can change it must not get the credentials. */
function keepAtHome(metadata: AuthorizationServer, issuer: URL): void {
  if (issuer.protocol === 'https:') return
  for (const [name, place] of Object.entries(metadata))
    if (name.endsWith('_endpoint') && parseUrl(String(place), name).origin !== issuer.origin)
      throw invalidIssuer(`\`${name}\` is on another origin than the issuer, whose metadata did not come over https.`)
}

/**
 * Client credentials and tokens never travel in clear text beyond this machine.
 * @throws CredentialError `insecure_url`
 */
export function secure(url: URL): void {
  if (url.protocol !== 'https:' && !isLoopback(url.hostname))
    throw new CredentialError('insecure_url', `Client credentials are not sent over http to ${url.host}. Use https.`)
}
