// What can be said of a sign-in in the browser, and what cannot be meant.
import { LatchkeyError } from '../errors.ts'
import type { SignatureCheck } from './id-token.ts'
import type { RequestSealer } from './request-object.ts'

export interface AuthorizationOptions {
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
  /** Check the signature of the ID token too: what `idTokenSignature()` gives. Not needed where it came over https, as it always does here. */
  verifyIdToken?: SignatureCheck
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
export function checkParameters(parameters: Readonly<Record<string, string>> = {}): void {
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

/** @throws LatchkeyError `invalid_option` */
export function checkAuthorizationOptions({ parameters, requestObject, verifyIdToken }: AuthorizationOptions): void {
  checkParameters(parameters)
  if (requestObject !== undefined && typeof requestObject !== 'function')
    throw new LatchkeyError('invalid_option', '`requestObject` must be what `signedRequest({ privateKey })` gives.')
  if (verifyIdToken !== undefined && typeof verifyIdToken !== 'function')
    throw new LatchkeyError('invalid_option', '`verifyIdToken` must be what `idTokenSignature()` gives.')
}
