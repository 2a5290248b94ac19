// What the user's browser is sent to the authorization server with (RFC 6749, section 4.1.1): pushed ahead (RFC 9126) or sealed (RFC 9101) where asked.

import { textDigest } from '../crypto/text-digest.ts'
import { parseUrl } from '../http/origin.ts'
import { type AuthorizationOptions, checkParameters, type StartOptions } from './authorization-options.ts'
import type { OAuthClient, Send } from './client.ts'
import type { Prover } from './dpop.ts'
import { formRequest } from './form-request.ts'
import { secure } from './server.ts'
import type { SignIn } from './sign-ins.ts'
import { answered } from './token-endpoint.ts'
import { invalidIssuer, unavailable } from './verdict.ts'

export interface AuthorizationRequester {
  /** The URL to send the browser to. @throws OAuthError */
  url(state: string, signIn: SignIn, options: StartOptions, prover: Prover | undefined): Promise<string>
}

export function createAuthorizationRequester(
  client: OAuthClient,
  options: AuthorizationOptions,
): AuthorizationRequester {
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
      code_challenge: await textDigest(verifier),
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
