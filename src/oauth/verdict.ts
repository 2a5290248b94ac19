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
  temporarily_unavailable: 'token_unavailable',
  server_error: 'token_unavailable',
  slow_down: 'token_unavailable',
}

const ADVICE: Record<OAuthErrorCode, string> = {
  token_unavailable: 'Try again later.',
  client_misconfigured: 'Check client id, client secret, scope and what the server allows this client.',
  issuer_invalid: 'Check `issuer`.',
  session_ended: 'The grant is used up or revoked: sign in again.',
  interaction_required: 'The user must be asked: sign in again.',
}

/** The server could not be reached, or did not answer as a token endpoint does: nothing is known to be wrong with us. */
export function unavailable(what: string, response?: { status: number; headers: Headers }): OAuthError {
  const wait = response && waitHint(response.headers)
  return new OAuthError(
    'token_unavailable',
    `The authorization server ${what}${response ? ` (status ${response.status})` : ''}. ${ADVICE.token_unavailable}`,
    {
      status: response?.status,
      retryAt: wait === undefined ? undefined : Date.now() + wait,
    },
  )
}

/** The server refused, and said why. Its description may hold anything, so only the code is kept. */
export function refused(error: string, response: { status: number; headers: Headers }): OAuthError {
  const known = /^[\w.:/-]{1,60}$/.test(error) ? error : 'unreadable'
  const code = VERDICTS[known] ?? 'client_misconfigured'
  const wait = waitHint(response.headers)
  return new OAuthError(code, `The authorization server refused a token: ${known}. ${ADVICE[code]}`, {
    error: known,
    status: response.status,
    retryAt: wait === undefined ? undefined : Date.now() + wait,
  })
}
