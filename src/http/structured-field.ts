// Structured fields (RFC 9651). A bare item is kept as its canonical text: so a decimal stays one, and a token is no string.

/** Canonical texts by name; `'?1'` where no value was given. */
type Parameters = ReadonlyMap<string, string>
export interface Item {
  readonly value: string
  readonly parameters: Parameters
}
export interface InnerList {
  readonly items: readonly Item[]
  readonly parameters: Parameters
}
export type Member = Item | InnerList
export type Dictionary = ReadonlyMap<string, Member>
export type FieldType = 'item' | 'list' | 'dictionary'

type Read = (pattern: RegExp) => string | undefined

const KEY = /[a-z*][a-z\d_.*-]*/y
const COMMA = /[ \t]*,[ \t]*(?!$)/y

// Each begins with another character, so at most one fits (section 4.2.3.1).
const BARE_ITEMS: readonly [RegExp, (text: string) => string][] = [
  [/-?(?:\d{1,12}\.\d{1,3}|\d{1,15})(?![\d.])/y, number],
  [/"(?:[ !#-[\]-~]|\\["\\])*"/y, same],
  [/[A-Za-z*][\w:/!#$%&'*+.^`|~-]*/y, same],
  // Padding may be absent (section 4.2.7).
  [/:[\w+/=]*:/y, (text) => `:${btoa(atob(text.slice(1, -1)))}:`],
  [/\?[01]/y, same],
  [/@-?\d{1,15}(?![\d.])/y, (text) => `@${number(text.slice(1))}`],
  [/%"(?:[ !#$&-~]|%[\da-f]{2})*"/y, (text) => text.replace(/(?:%[\da-f]{2})+/g, encodedAnew)],
]

/** undefined when the text is no dictionary (section 4.2.2). */
export function parseDictionary(text: string): Dictionary | undefined {
  return parsed(text, (read) => {
    const members = new Map<string, Member>()
    separated(read, () => {
      const key = must(read(KEY))
      members.set(key, read(/=/y) ? member(read) : { value: '?1', parameters: parameters(read) })
    })
    return members
  })
}

/** undefined when the text is no item (section 4.2.3). */
export function parseItem(text: string): Item | undefined {
  return parsed(text, item)
}

/** A field value written anew (section 4.1), or undefined when it is not of that type. */
export function canonical(text: string, type: FieldType): string | undefined {
  if (type === 'dictionary') {
    const dictionary = parseDictionary(text)
    return dictionary && serializeDictionary(dictionary)
  }
  if (type === 'item') {
    const only = parseItem(text)
    return only && serialize(only)
  }
  return parsed(text, (read) => {
    const members: string[] = []
    separated(read, () => members.push(serialize(member(read))))
    return members.join(', ')
  })
}

export function serialize(given: Member): string {
  const bare = 'items' in given ? `(${given.items.map(serialize).join(' ')})` : given.value
  const written = [...given.parameters].map(([key, value]) => `;${key}${value === '?1' ? '' : `=${value}`}`)
  return bare + written.join('')
}

export function serializeDictionary(dictionary: Dictionary): string {
  return [...dictionary]
    .map(([key, given]) => {
      const text = serialize(given)
      return key + (text.startsWith('?1') ? text.slice(2) : `=${text}`)
    })
    .join(', ')
}

/** A string (section 4.1.6); undefined for characters that none may hold. */
export function quoted(text: string): string | undefined {
  return /^[ -~]*$/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : undefined
}

/** The text of a string, or undefined for another bare item. */
export function unquoted(value: string | undefined): string | undefined {
  return value?.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : undefined
}

function parsed<T>(text: string, parse: (read: Read) => T): T | undefined {
  let place = 0
  const read: Read = (pattern) => {
    pattern.lastIndex = place
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) place = pattern.lastIndex
    return found
  }
  try {
    read(/ */y)
    const result = parse(read)
    must(read(/ *$/y))
    return result
  } catch {
    return undefined
  }
}

function separated(read: Read, one: () => void): void {
  if (read(/$/y) !== undefined) return
  do one()
  while (read(COMMA))
  read(/[ \t]*/y)
}

function member(read: Read): Member {
  if (read(/\( */y) === undefined) return item(read)
  const items: Item[] = []
  while (read(/\)/y) === undefined) {
    items.push(item(read))
    must(read(/ +|(?=\))/y))
  }
  return { items, parameters: parameters(read) }
}

function item(read: Read): Item {
  return { value: bareItem(read), parameters: parameters(read) }
}

function parameters(read: Read): Parameters {
  const found = new Map<string, string>()
  while (read(/; */y)) found.set(must(read(KEY)), read(/=/y) ? bareItem(read) : '?1')
  return found
}

function bareItem(read: Read): string {
  for (const [pattern, canonicalize] of BARE_ITEMS) {
    const text = read(pattern)
    if (text !== undefined) return canonicalize(text)
  }
  return must(undefined)
}

function must(text: string | undefined): string {
  if (text === undefined) throw new SyntaxError()
  return text
}

function same(text: string): string {
  return text
}

function number(text: string): string {
  // Minus zero is written as zero.
  const value = Number(text) + 0
  return text.includes('.') && Number.isInteger(value) ? value.toFixed(1) : String(value)
}

function encodedAnew(run: string): string {
  const characters = [...decodeURIComponent(run)]
  return characters.map((one) => (/[ !#$&-~]/.test(one) ? one : encodeURIComponent(one).toLowerCase())).join('')
}
