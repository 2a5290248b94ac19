import { fitForHeader } from '../credential.ts'
import { CredentialError } from '../errors.ts'
import type { Attempt } from '../types.ts'
import { invalid } from './options.ts'

export type Values = Readonly<Record<string, string | undefined>>

/** What a scheme writes; undefined is left out. Query and form parameters are appended, in this order. */
export interface Placement {
  readonly headers?: Values
  readonly query?: Values
  /** Into content of the type `application/x-www-form-urlencoded`, or where there is none yet. */
  readonly form?: Values
}

const PLACE = /^(query|form):.|^header:[!#$%&'*+.^`|~\w-]+$/

/** Every name in it, as `AuthStrategy.places` writes them. */
export function placesOf({ headers = {}, query = {}, form = {} }: Placement): string[] {
  return [
    ...Object.keys(headers).map((name) => `header:${name.toLowerCase()}`),
    ...Object.keys(query).map((name) => `query:${name}`),
    ...Object.keys(form).map((name) => `form:${name}`),
  ]
}

/** @throws LatchkeyError `invalid_option` */
export function checkPlaces(places: readonly string[]): void {
  for (const place of places)
    if (!PLACE.test(place) || (place.startsWith('header:') && place !== place.toLowerCase()))
      throw invalid(`'${place}' is no place: write 'header:x-signature' in lower case, 'query:…' or 'form:…'.`)
}

/**
 * Puts it on the attempt.
 * @throws LatchkeyError `invalid_option` for a name that was not declared or is taken, and for content that is no form
 * @throws CredentialError `credential_invalid` for a value that no header carries; `runtime_unsupported`
 */
export async function write(
  placement: Placement,
  request: Request,
  attempt: Attempt,
  declared: readonly string[],
): Promise<void> {
  if (typeof placement !== 'object')
    throw invalid('`place` of hmac must return `{ headers, query, form }`, or some of them.')
  for (const place of placesOf(placement))
    if (!declared.includes(place))
      throw invalid(`${place} was written, but not when hmac was created. Name all that may be in \`places\`.`)
  for (const [name, value] of Object.entries(placement.headers ?? {})) {
    if (value === undefined) continue
    request.headers.set(name, fitForHeader(value, name))
    if (!request.headers.has(name))
      throw new CredentialError(
        'runtime_unsupported',
        `No script may set the header ${name} in this runtime, so this scheme cannot sign from here.`,
      )
  }
  // Who signs in headers only, as most do, loads none of this.
  if (placement.query || placement.form)
    (await import('./parameters.ts').catch(lost)).writeParameters(placement, request, attempt)
}

function lost(): never {
  throw new CredentialError(
    'credential_unavailable',
    'The part of Latchkey that writes parameters could not be loaded. Try again.',
  )
}
