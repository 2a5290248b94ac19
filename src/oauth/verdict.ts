import { OAuthError, type OAuthErrorCode } from '../errors.ts'
import { waitHint } from '../retry/hint.ts'

// What the error codes of RFC 6749 (section 5.2), RFC 8707 and OpenID Connect Core (section 3.1.2.6) ask for.
const VERDICTS: Record<string, OAuthErrorCode> = {
  invalid_grant: 'session_ended',
  interaction_required: 'interaction_required',
  login_required: 'interaction_required',
  consent_required: 'interaction_required',
  account_selection_required: 'interaction_required',
  mfa_required: 'interaction_required',
  unmet_authentication_requirements: 'interaction_required',
  access_denied: 'interaction_required',
  expired_token: 'interaction_required',
  temporarily_unavailable: 'token_unavailable',
  server_error: 'token_unavailable',
  slow_down: 'token_unavailable',
  use_dpop_nonce: 'token_unavailable',
}

const ADVICE: Record<OAuthErrorCode, string> = {
  token_unavailable: 'Try again later.',
  client_misconfigured: 'Check client id, client secret, scope and what the server allows this client.',
  issuer_invalid: 'Check `issuer`.',
  callback_invalid: 'Start the sign-in again.',
  session_ended: 'The grant is used up or revoked: sign in again.',
  interaction_required: 'The user must be asked: sign in again.',
}

/** The server could not be reached, or did not answer as a token endpoint does: nothing is known to be wrong with us. */
export function unavailable(what: string, response?: { status: number; headers: Headers }): OAuthError {
  return new OAuthError(
    'token_unavailable',
    `The authorization server ${what}${response ? ` (status ${response.status})` : ''}. ${ADVICE.token_unavailable}`,
    { status: response?.status, retryAt: response && retryAt(response.headers) },
  )
}

/** The server refused, and said why. Its description may hold anything, so only the code is kept. */
export function refused(error: string, response: { status: number; headers: Headers }): OAuthError {
  const known = /^[\w.:/-]{1,60}$/.test(error) ? error : 'unreadable'
  const code = VERDICTS[known] ?? 'client_misconfigured'
  return new OAuthError(code, `The authorization server refused a token: ${known}. ${ADVICE[code]}`, {
    error: known,
    status: response.status,
    retryAt: retryAt(response.headers),
  })
}

/** Milliseconds for which a server that asked to wait is left alone. Who says a month, e.g. a gateway in between, may not mean it for long. */
export const LONGEST_REST = 3_600_000

function retryAt(headers: Headers): number | undefined {
  const wait = waitHint(headers)
  return wait === undefined ? undefined : Date.now() + Math.min(wait, LONGEST_REST)
}

/** The server is not the one that was configured, or lacks what was asked of it. */
export function invalidIssuer(message: string): OAuthError {
  return new OAuthError('issuer_invalid', message)
}

/** What came back from a sign-in is no answer to one that was started here: nothing was exchanged for it. */
export function invalidCallback(what: string): OAuthError {
  return new OAuthError('callback_invalid', `${what} ${ADVICE.callback_invalid}`)
}

/** Somebody must sign in first: there is no session. */
export function signedOut(): OAuthError {
  return new OAuthError('interaction_required', 'Nobody is signed in. Sign in first, then call again.')
}

/** The refresh token was refused: what is left of the session are access tokens until they end. */
export function ended(reason: 'refused' | 'answer_lost' | undefined): OAuthError {
  return new OAuthError(
    'session_ended',
    reason === 'answer_lost'
      ? 'The session is over: an answer of the server was lost that held the next refresh token. Sign in again.'
      : reason
        ? 'The session is over: the server no longer takes its refresh token. Sign in again.'
        : 'The session is over: its access token has ended, and the server gave no refresh token. Sign in again.',
    { error: 'invalid_grant', reason },
  )
}

/** Nobody asks before: the server said so, or somebody else is at it. */
export function resting(retryAt: number | undefined): OAuthError {
  return new OAuthError('token_unavailable', `No token can be had now. ${ADVICE.token_unavailable}`, { retryAt })
}

/** More than the session has. */
export function notGranted(scope: string): OAuthError {
  return new OAuthError(
    'client_misconfigured',
    `The session was not granted ${scope}. Sign in again with it in \`scope\`.`,
  )
}
