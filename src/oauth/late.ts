import { OAuthError } from '../errors.ts'

/**
 * A part that is loaded when it is first needed.
 * @throws OAuthError `token_unavailable`
 */
export function late<T>(part: Promise<T>): Promise<T> {
  return part.catch(() => {
    throw new OAuthError(
      'token_unavailable',
      'A part of Latchkey could not be loaded. Load the page again, or try later.',
    )
  })
}
