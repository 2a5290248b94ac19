import { concat, fromUtf8, utf8 } from '../crypto/bytes.ts'
import { percentEncode } from '../http/percent-encode.ts'
import type { Attempt, Bytes } from '../types.ts'
import { isForm } from './canonical.ts'
import { invalid } from './options.ts'
import type { Placement, Values } from './placement.ts'

const FORM = 'application/x-www-form-urlencoded'

/**
 * Appends what a scheme writes into the query and into the form.
 * @throws LatchkeyError `invalid_option` for a name that is taken, and for content that is no form
 */
export function writeParameters({ query, form }: Placement, request: Request, attempt: Attempt): void {
  if (query) {
    const url = new URL(attempt.url)
    // As text: `searchParams` would write the rest of the query anew.
    url.search += appended(url.search.slice(1), query, 'URL')
    attempt.setUrl(url)
  }
  if (form) {
    const body = formOf(request, attempt)
    attempt.setBody(concat(body, utf8(appended(fromUtf8(body), form, 'form'))))
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
