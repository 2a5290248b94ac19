// A resource that says which authorization server it trusts (RFC 9728), believed only where you named that server too.
import { LatchkeyError, OAuthError } from '../errors.ts'
import { parseChallenges } from '../http/challenge.ts'
import { parseUrl } from '../http/origin.ts'
import type { Fetch } from '../types.ts'
import { type IssuerSource, limited, REQUEST_TIMEOUT, secure } from './server.ts'
import { invalidIssuer } from './verdict.ts'

export interface ProtectedResourceOptions {
  /** The issuers it may name. What it says decides which of them is used, and never that another one is. */
  issuers: readonly string[]
  /** Where it describes itself, e.g. the `resourceMetadata` of a challenge. Default: its well-known place, or else where its challenge says. */
  metadataUrl?: string | URL
  /** Carries the requests to the resource; they hold no credentials. Default: the platform's fetch. */
  fetch?: Fetch
}

/**
 * Learns the issuer from the resource that is called (RFC 9728, sections 3 and 5): for `issuer` of any grant.
 * @throws LatchkeyError `invalid_option`; CredentialError `insecure_url`
 * @throws OAuthError from requests: `issuer_invalid` when it names none of `issuers`, `token_unavailable` when it cannot be asked
 */
export function protectedResource(resource: string | URL, options: ProtectedResourceOptions): IssuerSource {
  const { issuers, metadataUrl, fetch: transport } = options
  if (!Array.isArray(issuers) || !issuers.length)
    throw new LatchkeyError(
      'invalid_option',
      "`issuers` must name the authorization servers you trust, e.g. ['https://login.example.com'].",
    )
  const url = parseUrl(resource, 'resource')
  const given = metadataUrl === undefined ? undefined : parseUrl(metadataUrl, 'metadataUrl')
  for (const source of [url, ...issuers.map((issuer) => parseUrl(issuer, 'issuers')), given]) if (source) secure(source)

  return {
    name: issuers.join(' '),
    async resolve() {
      const named = await authorizationServers()
      const issuer = issuers.find((candidate) => named.includes(candidate))
      if (issuer === undefined)
        throw invalidIssuer(
          `${url.origin} names none of your \`issuers\` as its authorization server. Add the one it names only if you trust it.`,
        )
      return issuer
    },
  }

  async function authorizationServers(): Promise<unknown[]> {
    let response = await ask(given ?? wellKnown(url))
    if (response.status === 404 && !given) {
      const challenges = parseChallenges((await ask(url)).headers.get('www-authenticate'))
      const place = challenges.find(({ parameters }) => parameters.resource_metadata)?.parameters.resource_metadata
      const stated = place === undefined ? undefined : parseUrl(place, 'resource_metadata', url)
      // Wherever else it points, it is not our business to send requests there.
      if (stated?.origin === url.origin) response = await ask(stated)
    }
    const { status } = response
    if (status >= 500 || status === 429 || (status >= 300 && status < 400) || status === 0) throw silent(url, status)
    const metadata = status === 200 ? await response.json().catch(() => undefined) : undefined
    if (!covers(metadata?.resource, url))
      throw invalidIssuer(`${url.origin} does not say which authorization server it trusts. Give \`issuer\` as a URL.`)
    return Array.isArray(metadata.authorization_servers) ? metadata.authorization_servers : []
  }

  async function ask(place: URL): Promise<Response> {
    try {
      const response = await (transport ?? globalThis.fetch)(place.href, {
        headers: { accept: 'application/json' },
        redirect: 'manual',
        credentials: 'omit',
        signal: AbortSignal.timeout(REQUEST_TIMEOUT),
      })
      return limited(response)
    } catch {
      throw silent(url)
    }
  }
}

/** RFC 9728, section 3.1. */
function wellKnown({ origin, pathname, search }: URL): URL {
  return new URL(`/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}${search}`, origin)
}

/** What it describes must be what is called (RFC 9728, section 3.3), or what that lies in. */
function covers(stated: unknown, { origin, href }: URL): boolean {
  if (typeof stated !== 'string' || !URL.canParse(stated)) return false
  const resource = new URL(stated)
  const whole = resource.href.replace(/\/$/, '')
  return (
    resource.origin === origin && (href === whole || (/^[/?]/.test(href.slice(whole.length)) && href.startsWith(whole)))
  )
}

function silent({ origin }: URL, status?: number): OAuthError {
  return new OAuthError(
    'token_unavailable',
    `${origin} could not be asked which authorization server it trusts${status ? ` (status ${status})` : ''}. Try again later.`,
    { status },
  )
}
