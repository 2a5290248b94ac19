// A sign-in in the browser, from its start to the session: each is completed once, whoever asks, and however often.
import { base64url } from '../crypto/bytes.ts'
import { type OAuthError, StoreError } from '../errors.ts'
import type { AuthorizationOptions, StartOptions } from './authorization-options.ts'
import { createAuthorizationRequester } from './authorization-request.ts'
import type { OAuthClient, Reply } from './client.ts'
import { formRequest } from './form-request.ts'
import { checkIdToken } from './id-token.ts'
import { popupState } from './popup-state.ts'
import type { SessionGrant } from './session-grant.ts'
import { createSignIns, type SignIn } from './sign-ins.ts'
import { readTokens } from './token-endpoint.ts'
import { invalidCallback, refused } from './verdict.ts'

/** What a completed sign-in gives back. */
export interface Completed {
  /** As given to `start()`. */
  readonly returnTo?: string
}

export interface Authorization {
  start(redirectUri: string, options: StartOptions): Promise<{ readonly url: string; readonly state: string }>
  complete(url: URL, signal?: AbortSignal): Promise<Completed>
}

/** How many completed sign-ins one object remembers. */
const REMEMBERED = 10

export function createAuthorization(
  client: OAuthClient,
  grant: SessionGrant,
  options: AuthorizationOptions,
): Authorization {
  const { scope = '', verifyIdToken } = options
  const requester = createAuthorizationRequester(client, options)
  const signIns = createSignIns(grant.store, `${grant.id} sign-ins`, ({ session }) => void grant.discard(session))
  /** By state; a page may run the code that completes twice. */
  const completing = new Map<string, Promise<Completed>>()
  /** Tokens that came, and are not yet a session: by state. */
  const replies = new Map<string, Reply>()

  return {
    async start(redirectUri, asked) {
      const { issuer } = await client.server.metadata()
      const { popup, returnTo, maxAge } = asked
      const state = popupState(random(), popup)
      const openId = isOpenId(asked.scope ?? scope)
      const signIn: SignIn = {
        session: await grant.newSession(),
        verifier: random(),
        issuer,
        redirectUri,
        at: Date.now(),
        ...(openId && { nonce: random() }),
        ...(asked.scope !== undefined && { scope: asked.scope }),
        ...(returnTo !== undefined && { returnTo }),
        ...(maxAge !== undefined && { maxAge }),
      }
      try {
        const url = await requester.url(state, signIn, asked, grant.prover(signIn.session))
        await signIns.add(state, signIn)
        return { url, state }
      } catch (error) {
        await grant.discard(signIn.session)
        throw error
      }
    },
    complete(url, signal) {
      const state = url.searchParams.get('state') ?? ''
      // Without one, the page may have been tidied: what was completed here last is meant.
      const known = state || url.searchParams.has('code') ? completing.get(state) : [...completing.values()].at(-1)
      if (known) return known
      const work = completed(url, state, signal).then(tidied, (error) => {
        // What the store could not do it may do later.
        if (error?.retryable || error instanceof StoreError) completing.delete(state)
        else tidy(state)
        throw error
      })
      completing.set(state, work)
      for (const old of [...completing.keys()].slice(0, -REMEMBERED)) completing.delete(old)
      return work

      function tidied(result: Completed): Completed {
        tidy(state)
        return result
      }
    },
  }

  async function completed({ searchParams }: URL, state: string, signal?: AbortSignal): Promise<Completed> {
    if (!state) throw invalidCallback('This URL is no answer to a sign-in: it has no `state`.')
    // All that takes long or runs the user's code comes before the lock.
    const send = await client.ready()
    const server = await client.server.metadata()
    return signIns.alone(async () => {
      const signIn = await signIns.take(state, searchParams.get('code') ?? '')
      if (!signIn) throw invalidCallback('No sign-in with this `state` was started here, or that is too long ago.')
      if (!('verifier' in signIn)) {
        if (signIn.done) return given(signIn)
        throw invalidCallback('This answer was used before, and nobody was signed in by it.')
      }
      const { session, nonce, maxAge, verifier, redirectUri } = signIn
      try {
        if (server.issuer !== signIn.issuer)
          throw invalidCallback('The sign-in was started with another authorization server.')
        const prover = grant.prover(session)
        const code = validated(searchParams)
        const fields = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier }
        const reply = replies.get(state) ?? (await send(formRequest('token_endpoint', fields, grant.first), { prover }))
        if (readTokens({ ...reply, receivedAt: Date.now() }).token) replies.set(state, reply)
        const expected = { nonce, maxAge, required: nonce !== undefined, signature: verifyIdToken }
        const check = (idToken?: string) => checkIdToken(client, idToken, expected)
        await grant.establish(session, reply, { check, scope: signIn.scope, signal })
      } catch (error) {
        if ((error as Partial<OAuthError>)?.retryable) await signIns.add(state, signIn)
        else {
          replies.delete(state)
          await grant.discard(session)
        }
        throw error
      }
      replies.delete(state)
      // The user is signed in, whoever can be told.
      await signIns.finish(state).catch(() => {})
      return given(signIn)
    })

    /** The authorization code (RFC 6749, section 4.1.2), once it is sure that the answer is the server's (RFC 9207). */
    function validated(answer: URLSearchParams): string {
      const issuer = answer.get('iss') ?? (server.authorization_response_iss_parameter_supported ? '' : server.issuer)
      if (issuer !== server.issuer)
        throw invalidCallback('The answer is not from the authorization server that was asked.')
      const [code, error] = [answer.get('code'), answer.get('error')]
      const twice = ['iss', 'state', 'code', 'error'].some((name) => answer.getAll(name).length > 1)
      if (error) throw refused(error, { status: 0, headers: new Headers() })
      if (!code || twice || ['response', 'id_token', 'token'].some((name) => answer.has(name)))
        throw invalidCallback('The answer is not what a server sends that was asked for a code.')
      return code
    }
  }
}

function given({ returnTo }: { readonly returnTo?: string }): Completed {
  return returnTo === undefined ? {} : { returnTo }
}

function isOpenId(scope: string): boolean {
  return scope.split(' ').includes('openid')
}

/** The address bar, and with it the history, shows the answer no longer. */
function tidy(state: string): void {
  const { location, history } = globalThis
  if (!location?.href || !history?.replaceState) return
  const url = new URL(location.href)
  if (url.searchParams.get('state') !== state) return
  for (const name of ['code', 'state', 'iss', 'session_state', 'error', 'error_description', 'error_uri'])
    url.searchParams.delete(name)
  history.replaceState(history.state, '', url)
}

/** 256 bits that nobody can guess (RFC 7636, section 7.1). */
function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)))
}
