// What the user's browser is sent to the authorization server with (RFC 6749, section 4.1.1): pushed ahead (RFC 9126) or sealed (RFC 9101) where asked.
import { LatchkeyError } from '../errors.ts'
import { parseUrl } from '../http/origin.ts'
import type { OAuthClient, Send } from './client.ts'
import { digest, type Prover } from './dpop.ts'
import { formRequest } from './form-request.ts'
import type { RequestSealer } from './request-object.ts'
import { secure } from './server.ts'
import type { SignIn } from './sign-ins.ts'
import { answered } from './token-endpoint.ts'
import { invalidIssuer, unavailable } from './verdict.ts'

export interface AuthorizationRequestOptions {
  /** Space-separated scopes; with `openid` the user's identity is proven too (OpenID Connect Core, section 3.1.2.1). */
  scope?: string
  /** What the token is for (RFC 8707); several may be asked for at once. */
  resource?: string | readonly string[]
  /** Fine-grained permissions (RFC 9396). */
  authorizationDetails?: readonly Readonly<{ type: string; [field: string]: unknown }>[]
  /** Push the request ahead, so that nothing of it passes through the browser (RFC 9126). Default: where the server requires it. */
  pushed?: boolean
  /** Sign the request, so that nobody can change it on its way (RFC 9101): what `signedRequest()` gives. */
  requestObject?: RequestSealer
  /** Further parameters that the server wants, e.g. `{ audience: 'https://api.example.com' }`. */
  parameters?: Readonly<Record<string, string>>
}

/** What one sign-in asks for; what a challenge says fits as it is. */
export interface StartOptions {
  /** Where the user was: `complete()` gives it back. */
  returnTo?: string
  /** Default: the scope of the grant. */
  scope?: string
  /** Names the page that waits for a window of its own: `signInWithPopup()` sets it. */
  popup?: string
  prompt?: 'none' | 'login' | 'consent' | 'select_account' | (string & {})
  loginHint?: string
  /** Authentication contexts, separated by spaces (RFC 9470). */
  acrValues?: string
  /** Seconds that the last sign-in may be old. */
  maxAge?: number
  /** As JSON (OpenID Connect Core, section 5.5). */
  claims?: string
  /** Further parameters of this sign-in. */
  parameters?: Readonly<Record<string, string>>
}

/** Ours alone: whoever could set them could undo what protects the sign-in. */
const FIXED = ['client_id', 'redirect_uri', 'state', 'nonce', 'code_challenge', 'code_challenge_method', 'request', 'request_uri', 'dpop_jkt'] // biome-ignore format: one line

/** @throws LatchkeyError `invalid_option` */
function checkParameters(parameters: Readonly<Record<string, string>> = {}): void {
  for (const name of Object.keys(parameters)) {
    if (name === 'response_type')
      throw new LatchkeyError('invalid_option', 'Only codes are asked for: tokens in a URL (the implicit grant) are no more (RFC 9700, section 2.1.2). Leave `response_type` out.') // biome-ignore format: one line
    if (FIXED.includes(name))
      throw new LatchkeyError(
        'invalid_option',
        `\`${name}\` is set for each sign-in anew: leave it out of \`parameters\`.`,
      )
  }
}

export interface AuthorizationRequester {
  /** The URL to send the browser to. @throws OAuthError */
  url(state: string, signIn: SignIn, options: StartOptions, prover: Prover | undefined): Promise<string>
}

/** @throws LatchkeyError `invalid_option` */
export function createAuthorizationRequester(
  client: OAuthClient,
  options: AuthorizationRequestOptions,
): AuthorizationRequester {
  const { requestObject } = options
  checkParameters(options.parameters)
  if (requestObject !== undefined && typeof requestObject !== 'function')
    throw new LatchkeyError('invalid_option', '`requestObject` must be what `signedRequest({ privateKey })` gives.')

  return {
    async url(state, signIn, asked, prover) {
      checkParameters(asked.parameters)
      const send = await client.ready()
      const server = await client.server.metadata()
      if (!server.authorization_endpoint)
        throw invalidIssuer('The metadata of the server has no `authorization_endpoint`: nobody can sign in there.')
      const url = parseUrl(server.authorization_endpoint, 'authorization_endpoint')
      secure(url)
      let fields = await written(state, signIn, asked, prover)
      if (options.requestObject) fields = await options.requestObject(fields, client)
      if (options.pushed ?? server.require_pushed_authorization_requests) fields = await pushed(send, fields, prover)
      for (const [name, value] of fields) url.searchParams.append(name, value)
      return url.href
    },
  }

  async function written(
    state: string,
    { verifier, nonce, redirectUri, maxAge }: SignIn,
    { scope = options.scope, popup, prompt, loginHint, acrValues, claims, parameters }: StartOptions,
    prover: Prover | undefined,
  ): Promise<URLSearchParams> {
    const { resource = [], authorizationDetails } = options
    const fields = new URLSearchParams({ ...options.parameters, ...parameters })
    const ours = {
      response_type: 'code',
      client_id: client.id,
      redirect_uri: redirectUri,
      scope,
      state,
      code_challenge: await digest(verifier),
      code_challenge_method: 'S256',
      nonce,
      display: popup && 'popup',
      prompt,
      login_hint: loginHint,
      acr_values: acrValues,
      max_age: maxAge?.toString(),
      claims,
      authorization_details: authorizationDetails && JSON.stringify(authorizationDetails),
      dpop_jkt: await prover?.thumbprint(),
    }
    for (const [name, value] of Object.entries(ours)) if (value !== undefined) fields.set(name, value)
    for (const one of [resource].flat()) fields.append('resource', one)
    return fields
  }

  async function pushed(send: Send, fields: URLSearchParams, prover: Prover | undefined): Promise<URLSearchParams> {
    const reply = await send(formRequest('pushed_authorization_request_endpoint', { client_id: client.id }, fields), {
      prover,
    })
    const { request_uri } = answered(reply)
    if (typeof request_uri !== 'string') throw unavailable('answered with something else than a `request_uri`', reply)
    return new URLSearchParams({ client_id: client.id, request_uri })
  }
}
