import type { Challenge } from '../types.ts'

// WWW-Authenticate (RFC 9110, section 11.6.1): a list of challenges, each of which holds a list of its own.

const SCHEME = /[!#$%&'*+.^`|~\w-]+/y
const TOKEN68 = /[ \t]+([\w~+./-]+=*)[ \t]*(?=,|$)/y
// The comma before a parameter is part of it: a comma before anything else ends the challenge.
const PARAMETER =
  /(?:[ \t]+|[ \t]*,[ \t,]*)([!#$%&'*+.^`|~\w-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^`|~\w:/-]+))(?=[ \t]*(?:,|$))/y
const SEPARATOR = /[ \t,]*/y

/** The challenges that can be read. What cannot is skipped: a server that writes badly still asks for something. */
export function parseChallenges(header: string | null): Challenge[] {
  const challenges: Challenge[] = []
  let place = 0
  const text = header ?? ''
  const read = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = place
    const found = pattern.exec(text)
    if (found) place = pattern.lastIndex
    return found
  }

  while (place < text.length) {
    read(SEPARATOR)
    const scheme = read(SCHEME)
    if (!scheme) {
      place = next(text, place)
      continue
    }
    const token68 = read(TOKEN68)?.[1]
    const parameters: Record<string, string> = Object.create(null)
    for (let found = token68 ? null : read(PARAMETER); found; found = read(PARAMETER))
      parameters[(found[1] as string).toLowerCase()] ??= found[2]?.replace(/\\(.)/g, '$1') ?? (found[3] as string)
    challenges.push({ scheme: scheme[0].toLowerCase(), parameters, ...(token68 && { token68 }) })
    place = next(text, place)
  }
  return challenges
}

function next(text: string, from: number): number {
  const comma = text.indexOf(',', from)
  return comma < 0 ? text.length : comma + 1
}
