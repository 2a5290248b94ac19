// OpenID Connect CIBA Core 1.0: the server asks the user on a device of theirs, while the client waits.
import { backchannelAuthenticationGrantRequest, backchannelAuthenticationRequest } from 'oauth4webapi'
import { LatchkeyError } from '../errors.ts'
import { memoryStore } from '../storage/memory.ts'
import { type Accounts, accounts } from './accounts.ts'
import { type ClientOptions, createOAuthClient } from './client.ts'
import type { Login, SessionGrantOptions } from './login.ts'
import { type Begun, establishedByPolling, intervalOf } from './polling.ts'
import { sessionGrant } from './session-grant.ts'
import { answered } from './token-endpoint.ts'
import { untilAborted } from './until-aborted.ts'
import { unavailable } from './verdict.ts'

export interface CibaOptions extends ClientOptions, SessionGrantOptions {
  /** Space-separated scopes; `openid` is one of them (CIBA Core, section 7.1). Default `'openid'`. */
  scope?: string
  /** Further parameters that the server wants. */
  parameters?: Readonly<Record<string, string>>
}

/** Whom the server asks, by exactly one of the hints, and what they see (CIBA Core, section 7.1). */
export interface CibaRequest {
  loginHint?: string
  loginHintToken?: string
  /** An ID token of an earlier sign-in. */
  idTokenHint?: string
  /** Shown on both devices, so that the user knows what they agree to. */
  bindingMessage?: string
  /** A secret between user and server. */
  userCode?: string
  /** Authentication contexts, separated by spaces. */
  acrValues?: string
  signal?: AbortSignal
}

/** A session that begins with a question to the user's device. */
export interface CibaLogin extends Login {
  /**
   * Has the user asked, and waits until they have agreed. Asks no more often than the server wants, and goes on when the network fails.
   * @throws OAuthError `interaction_required` with `error` `access_denied` or `expired_token`; `token_unavailable`, `client_misconfigured`, `issuer_invalid`
   * @throws the signal's reason, as soon as it is aborted
   */
  signIn(request: CibaRequest): Promise<void>
}

/**
 * Signs a user in by a question on a device of theirs (CIBA Core, in poll mode). Call `signIn()`, and give the object as `auth`.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`, `insecure_url`
 * @throws OAuthError from requests: `interaction_required` (nobody is signed in), `session_ended` (sign in again), `token_unavailable`
 *   (try later), `client_misconfigured`, `issuer_invalid`
 * @throws StoreError from requests
 */
export function ciba(options: CibaOptions): Accounts<CibaLogin> {
  const { scope = 'openid', resource = [], parameters: further } = options
  const client = createOAuthClient(options)
  return accounts(options.store ?? memoryStore(), (store, account) => {
    const grant = sessionGrant(client, 'ciba', { ...options, scope, store, account })
    return {
      ...grant.login,
      signIn: ({ signal, ...asked }) =>
        untilAborted(grant, signal, () =>
          establishedByPolling(client, grant, () => begun(asked), { signal, openId: true }),
        ),
    }

    async function begun(asked: Omit<CibaRequest, 'signal'>): Promise<Begun> {
      const { loginHint, loginHintToken, idTokenHint, bindingMessage, userCode, acrValues } = asked
      if ([loginHint, loginHintToken, idTokenHint].filter((hint) => hint !== undefined).length !== 1)
        throw new LatchkeyError('invalid_option', 'Give one of `loginHint`, `loginHintToken` and `idTokenHint`.')
      const parameters = new URLSearchParams(further)
      const fields = {
        scope,
        login_hint: loginHint,
        login_hint_token: loginHintToken,
        id_token_hint: idTokenHint,
        binding_message: bindingMessage,
        user_code: userCode,
        acr_values: acrValues,
      }
      for (const [name, value] of Object.entries(fields)) if (value !== undefined) parameters.set(name, value)
      for (const one of [resource].flat()) parameters.append('resource', one)
      const send = await client.ready()
      const reply = await send((server, described, authentication, request) =>
        backchannelAuthenticationRequest(server, described, authentication, parameters, request),
      )
      const { auth_req_id, expires_in, interval } = answered(reply)
      if (typeof auth_req_id !== 'string')
        throw unavailable('answered with something else than an `auth_req_id`', reply)
      return {
        ask: (additionalParameters) => (server, described, authentication, request) =>
          backchannelAuthenticationGrantRequest(server, described, authentication, auth_req_id, {
            ...request,
            additionalParameters,
          }),
        interval: intervalOf(interval),
        expiresAt: Date.now() + (Number.parseFloat(String(expires_in)) || 600) * 1000,
      }
    }
  })
}
