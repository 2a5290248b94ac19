/** Percent-encodes all but the unreserved characters (RFC 3986, section 2.3), also a percent sign. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
