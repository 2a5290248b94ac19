/** Header fields in any of the forms they come in: of fetch, of Node, or lines in the order of the wire. */
export type Fields =
  | Headers
  | readonly (readonly [name: string, value: string])[]
  | Readonly<Record<string, string | readonly string[] | undefined>>

/** A request as it is signed or came in; fetch's own is one. */
export interface RequestMessage {
  readonly method: string
  /** Whole, as the client knows it. */
  readonly url: string | URL
  readonly headers: Fields
  /** For components with `tr`. fetch shows none. */
  readonly trailers?: Fields
}

/** A response as it is signed or came in; fetch's own is one. */
export interface ResponseMessage {
  readonly status: number
  readonly headers: Fields
  /** For components with `tr`. fetch shows none. */
  readonly trailers?: Fields
}

export type Message = RequestMessage | ResponseMessage

export function isRequest(message: Message): message is RequestMessage {
  return 'method' in message
}

/** The values of all lines with that name, in lower case, without the space around them and on one line each (RFC 9421, section 2.1). */
export function linesOf(fields: Fields | undefined, name: string): string[] {
  return valuesOf(fields ?? [], name).map((value) =>
    value
      .split(/\r?\n(?=[ \t])/)
      .map(trimmed)
      .join(' '),
  )
}

/** The combined value of a field, or undefined where there is none. */
export function fieldOf(fields: Fields | undefined, name: string): string | undefined {
  const lines = linesOf(fields, name)
  return lines.length ? lines.join(', ') : undefined
}

function valuesOf(fields: Fields, name: string): string[] {
  // Not `instanceof`: frameworks bring Headers of their own.
  if (typeof (fields as Headers).get === 'function') {
    const headers = fields as Headers
    if (name === 'set-cookie') return headers.getSetCookie()
    const value = headers.get(name)
    return value === null ? [] : [value]
  }
  const lines = Array.isArray(fields) ? fields : Object.entries(fields)
  return lines.filter(([key]) => key.toLowerCase() === name).flatMap(([, value]) => value ?? [])
}

// No regular expression: one that looks for space at the end goes over a long run of it again and again.
function trimmed(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && ' \t'.includes(text[start] as string)) start++
  while (end > start && ' \t'.includes(text[end - 1] as string)) end--
  return text.slice(start, end)
}
