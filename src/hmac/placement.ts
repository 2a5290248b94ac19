import { fitForHeader } from '../credential.ts'
import { concat, fromUtf8, utf8 } from '../crypto/bytes.ts'
import { CredentialError } from '../errors.ts'
import type { Attempt, Bytes } from '../types.ts'
import { isForm, percentEncode } from './canonical.ts'
import { invalid } from './options.ts'

type Values = Readonly<Record<string, string | undefined>>

/** What a scheme writes; undefined is left out. Query and form parameters are appended, in this order. */
export interface Placement {
  readonly headers?: Values
  readonly query?: Values
  /** Into content of the type `application/x-www-form-urlencoded`, or where there is none yet. */
  readonly form?: Values
}

const FORM = 'application/x-www-form-urlencoded'
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
export function write(placement: Placement, request: Request, attempt: Attempt, declared: readonly string[]): void {
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
  if (placement.query) {
    const url = new URL(attempt.url)
    // As text: `searchParams` would write the rest of the query anew.
    url.search += appended(url.search.slice(1), placement.query, 'URL')
    attempt.setUrl(url)
  }
  if (placement.form) {
    const body = formOf(request, attempt)
    attempt.setBody(concat(body, utf8(appended(fromUtf8(body), placement.form, 'form'))))
  }
}

function formOf(request: Request, attempt: Attempt): Bytes {
  const { method, headers } = request
  const body = attempt.body as Bytes
  const type = headers.get('content-type') ?? (body.length ? 'of no type' : FORM)
  if (!isForm(type) || method === 'GET' || method === 'HEAD')
    throw invalid(`This scheme writes into a form: send URLSearchParams by POST, not ${method} with content ${type}.`)
  headers.set('content-type', type)
  return body
}

/** What is to be written behind `text`, which holds parameters already, or none. */
function appended(text: string, values: Values, where: string): string {
  const taken = new URLSearchParams(text)
  let added = ''
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue
    if (taken.has(name)) throw invalid(`The ${where} has \`${name}\` already, which this scheme writes. Leave it out.`)
    added += `${text || added ? '&' : ''}${percentEncode(name)}=${percentEncode(value)}`
  }
  return added
}
