// RFC 8628: the user signs in on another device, for programs that have no browser.
import { deviceAuthorizationRequest, deviceCodeGrantRequest } from 'oauth4webapi'
import { LatchkeyError } from '../errors.ts'
import { memoryStore } from '../storage/memory.ts'
import type { Awaitable } from '../types.ts'
import { type Accounts, accounts } from './accounts.ts'
import { type ClientOptions, createOAuthClient } from './client.ts'
import type { Login, SessionGrantOptions } from './login.ts'
import { type Begun, establishedByPolling, intervalOf } from './polling.ts'
import { sessionGrant } from './session-grant.ts'
import { answered } from './token-endpoint.ts'
import { untilAborted } from './until-aborted.ts'
import { unavailable } from './verdict.ts'

/** What the user must do (RFC 8628, section 3.3). */
export interface DevicePrompt {
  /** To be typed at `verificationUri`. */
  readonly userCode: string
  readonly verificationUri: string
  /** With the code in it, for a link or a QR code. */
  readonly verificationUriComplete?: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

export interface DeviceCodeOptions extends ClientOptions, SessionGrantOptions {
  /** Shows the user where to go and what to type. */
  prompt: (prompt: DevicePrompt) => Awaitable<void>
  /** Further parameters that the server wants. */
  parameters?: Readonly<Record<string, string>>
}

/** A session that begins on another device. */
export interface DeviceLogin extends Login {
  /**
   * Prompts the user, and waits until they have signed in. Asks no more often than the server wants, and goes on when the network fails.
   * @throws OAuthError `interaction_required` with `error` `access_denied` or `expired_token`; `token_unavailable`, `client_misconfigured`, `issuer_invalid`
   * @throws the signal's reason, as soon as it is aborted
   */
  signIn(options?: { signal?: AbortSignal }): Promise<void>
}

/**
 * Signs a user in on another device (RFC 8628). Call `signIn()`, and give the object as `auth`; with `store`, the session outlives the
 * program.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`, `insecure_url`
 * @throws OAuthError from requests: `interaction_required` (nobody is signed in), `session_ended` (sign in again), `token_unavailable`
 *   (try later), `client_misconfigured`, `issuer_invalid`
 * @throws StoreError from requests
 */
export function deviceCode(options: DeviceCodeOptions): Accounts<DeviceLogin> {
  const { prompt, scope, resource = [], parameters: further } = options
  if (typeof prompt !== 'function')
    throw new LatchkeyError(
      'invalid_option',
      '`prompt` must be a function that shows `verificationUri` and `userCode` to the user.',
    )
  const client = createOAuthClient(options)
  return accounts(options.store ?? memoryStore(), (store, account) => {
    const grant = sessionGrant(client, 'device_code', { ...options, store, account })
    const openId = scope?.split(' ').includes('openid') ?? false
    return {
      ...grant.login,
      signIn: ({ signal } = {}) =>
        untilAborted(grant, signal, () => establishedByPolling(client, grant, () => begun(signal), { signal, openId })),
    }

    async function begun(signal: AbortSignal | undefined): Promise<Begun> {
      const parameters = new URLSearchParams(further)
      if (scope !== undefined) parameters.set('scope', scope)
      for (const one of [resource].flat()) parameters.append('resource', one)
      const send = await client.ready()
      const reply = await send((server, described, authentication, request) =>
        deviceAuthorizationRequest(server, described, authentication, parameters, request),
      )
      const { device_code, user_code, verification_uri, verification_uri_complete, ...rest } = answered(reply)
      if (typeof device_code !== 'string' || typeof user_code !== 'string' || typeof verification_uri !== 'string')
        throw unavailable('answered with something else than a device code', reply)
      signal?.throwIfAborted()
      const expiresAt = Date.now() + (Number.parseFloat(String(rest.expires_in)) || 600) * 1000
      await prompt({
        userCode: user_code,
        verificationUri: verification_uri,
        ...(typeof verification_uri_complete === 'string' && { verificationUriComplete: verification_uri_complete }),
        expiresAt,
      })
      return {
        ask: (additionalParameters) => (server, described, authentication, request) =>
          deviceCodeGrantRequest(server, described, authentication, device_code, { ...request, additionalParameters }),
        interval: intervalOf(rest.interval),
        expiresAt,
      }
    }
  })
}
