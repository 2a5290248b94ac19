import {
  canonical,
  type FieldType,
  type Item,
  parseDictionary,
  parseItem,
  serialize,
  unquoted,
} from '../http/structured-field.ts'
import { isRequest, linesOf, type Message, type RequestMessage } from './message.ts'
import { SignatureError } from './signature-error.ts'

/** What a component's value is read from. */
export interface Source {
  readonly message: Message
  /** What a response answers, for components with `req` (RFC 9421, section 2.4). */
  readonly request?: RequestMessage | undefined
  /** The types of fields, for components with `sf`. Default: what can be read as a list is one, else it is a dictionary. */
  readonly structuredFields?: Readonly<Record<string, FieldType>> | undefined
}

// Section 2.2: what is derived of a request, by name.
const OF_REQUEST: Readonly<Record<string, (url: URL, request: RequestMessage) => string>> = {
  '@method': (_, { method }) => method,
  '@target-uri': ({ href }) => href.split('#')[0] as string,
  '@authority': ({ host }) => host,
  '@scheme': ({ protocol }) => protocol.slice(0, -1),
  '@request-target': ({ pathname, search }) => pathname + search,
  '@path': ({ pathname }) => pathname,
  '@query': ({ search }) => search || '?',
}

/**
 * A component identifier (RFC 9421, section 2): `'@method'`, `'content-digest'`, `'example-dict;key="a"'`, `'@query-param;name="id"'`.
 * @throws SignatureError `component_unavailable`
 */
export function parseComponent(identifier: string): Item {
  const text = String(identifier).replace(/^[^";]+/, (name) => `"${name.toLowerCase()}"`)
  const component = parseItem(text)
  if (unquoted(component?.value) === undefined)
    throw unavailable(text, "write it as '@method', 'content-type' or '@query-param;name=\"id\"'")
  return component as Item
}

/** The same for identifiers that differ in the order of their parameters only. */
export function identityOf({ value, parameters }: Item): string {
  return (
    value +
    [...parameters]
      .map((pair) => `;${pair.join('=')}`)
      .sort()
      .join('')
  )
}

/**
 * The canonical value of a component.
 * @throws SignatureError `component_unavailable`
 */
export function componentValue(component: Item, source: Source): string {
  const { parameters } = component
  const name = unquoted(component.value) as string
  const fail = (why: string): SignatureError => unavailable(serialize(component), why)
  const { request } = source
  if (parameters.has('req') && (!request || isRequest(source.message)))
    throw fail('`req` names a component of the request that a response answers')
  const message = parameters.has('req') ? (request as RequestMessage) : source.message
  const value = name.startsWith('@') ? derived() : ofField()
  if (!/^[\t -~]*$/.test(value)) throw fail('its value is not ASCII on one line; a field may be covered with `bs`')
  return value

  function derived(): string {
    allow('req', ...(name === '@query-param' ? ['name'] : []))
    if (name === '@status' && !isRequest(message)) return String(message.status)
    const derive = name === '@query-param' ? queryParameter : Object.hasOwn(OF_REQUEST, name) && OF_REQUEST[name]
    if (!derive) throw fail(name === '@status' ? 'only a response has it' : 'no such component is known')
    if (!isRequest(message)) throw fail('only a request has it; of a response, cover it with `req`')
    return derive(urlOf(message.url), message)
  }

  function queryParameter({ searchParams }: URL): string {
    const wanted = decoded(unquoted(parameters.get('name')))
    if (wanted === undefined) throw fail('it needs the parameter `name`, percent-encoded')
    const [value, ...more] = searchParams.getAll(wanted)
    if (value === undefined) throw fail('the query has no such parameter')
    if (more.length) throw fail('the parameter is there several times: cover `@query`')
    return encoded(value)
  }

  function ofField(): string {
    allow('req', 'tr', 'bs', 'sf', 'key')
    const binary = parameters.has('bs')
    if (binary && (parameters.has('sf') || parameters.has('key'))) throw fail('`bs` goes with neither `sf` nor `key`')
    const lines = linesOf(parameters.has('tr') ? message.trailers : message.headers, name)
    if (!lines.length) throw fail('the message has no such field')
    if (binary) return lines.map(inBase64).join(', ')
    const text = lines.join(', ')
    if (!parameters.has('key')) return parameters.has('sf') ? structured(text) : text
    const key = unquoted(parameters.get('key'))
    const member = key === undefined ? undefined : parseDictionary(text)?.get(key)
    if (!member) throw fail('the field is no dictionary with this key')
    return serialize(member)
  }

  function structured(text: string): string {
    const type = source.structuredFields?.[name]
    const types: FieldType[] = type ? [type] : ['list', 'dictionary']
    const value = types.map((one) => canonical(text, one)).find((one) => one !== undefined)
    if (value === undefined) throw fail('the field is no structured field of its type')
    return value
  }

  function inBase64(line: string): string {
    try {
      return `:${btoa(line)}:`
    } catch {
      throw fail('its value has characters that no header carries')
    }
  }

  function allow(...known: string[]): void {
    const flags = ['req', 'tr', 'bs', 'sf']
    for (const [key, value] of parameters)
      if (!known.includes(key) || (flags.includes(key) && value !== '?1'))
        throw fail(`it takes no parameter \`${key}\``)
  }

  function urlOf(url: string | URL): URL {
    try {
      return new URL(url)
    } catch {
      throw fail('`url` must be the whole URL')
    }
  }
}

/** As `application/x-www-form-urlencoded`, but with `%20` for a space (section 2.2.8). */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()~]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function unavailable(identifier: string, why: string): SignatureError {
  const shown = identifier.slice(0, 100).replace(/[^ -~]/g, '?')
  return new SignatureError('component_unavailable', `The component ${shown} cannot be covered: ${why}.`)
}
