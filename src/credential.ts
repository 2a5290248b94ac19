import { CredentialError, LatchkeyError } from './errors.ts'
import { reveal, type Secret } from './secret.ts'
import type { Awaitable } from './types.ts'

/** A credential value: the text, a Secret, or a function that gives either, now or later, asked for each attempt. */
export type Credential = string | Secret<string> | (() => Awaitable<string | Secret<string>>)

/** The name of a header (RFC 9110, section 5.6.2) or a cookie (RFC 6265, section 4.1.1). */
export const TOKEN: RegExp = /^[!#$%&'*+.^`|~\w-]+$/

/**
 * The text of a credential. A literal is given at once, so that no attempt waits for what is known.
 * @throws CredentialError `credential_invalid`, `credential_unavailable`
 */
export function readCredential(
  source: Credential,
  what: string,
  check: (text: string, what: string) => string = notEmpty,
): Awaitable<string> {
  if (typeof source !== 'function') return check(reveal(source), what)
  let given: Awaitable<string | Secret<string>>
  try {
    given = source()
  } catch (error) {
    throw unavailable(error, what)
  }
  if (!isPromise(given)) return check(reveal(given), what)
  return given.then(
    (value) => check(reveal(value), what),
    (error) => {
      throw unavailable(error, what)
    },
  )
}

/**
 * Refuses at creation what can be known to be wrong then: a literal that is empty or cannot be sent.
 * @throws CredentialError `credential_invalid`
 */
export function checkCredential(
  source: Credential,
  what: string,
  check: (text: string, what: string) => string = notEmpty,
): void {
  if (typeof source !== 'function') check(reveal(source), what)
}

// Types do not keep a function from giving nothing, or a number.
function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof (value as Promise<T> | undefined)?.then === 'function'
}

export function notEmpty(text: string, what: string): string {
  if (typeof text !== 'string' || text === '')
    throw new CredentialError(
      'credential_invalid',
      `\`${what}\` must be a text that is not empty. Is the environment variable set?`,
    )
  return text
}

/** Fetch would quote a bad value in its own error, so it is refused before it gets there (RFC 9110, section 5.5). */
export function fitForHeader(text: string, what: string): string {
  if (!/^[\x20-\x7e]*$/.test(notEmpty(text, what)) || text.trim() !== text)
    throw new CredentialError(
      'credential_invalid',
      `\`${what}\` must be visible ASCII without line breaks or space around it. Does it end in a newline?`,
    )
  return text
}

/** What the user's function threw may quote a secret: only our own errors are passed on. */
export function unavailable(error: unknown, what: string): LatchkeyError {
  if (error instanceof LatchkeyError) return error
  return new CredentialError(
    'credential_unavailable',
    `The function given for \`${what}\` failed. Catch and log inside it to see why.`,
  )
}
