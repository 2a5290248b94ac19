/** The id in plain characters, one text for each id: of any other, also a lone surrogate or NUL, back ends make their own thing. */
export function recordKey(id: string): string {
  return encodeURIComponent(JSON.stringify(id).slice(1, -1))
}
