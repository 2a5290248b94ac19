import { compared } from '../http/difference.ts'
import { redacted } from '../http/explanation.ts'
import type { Bytes, Explanation } from '../types.ts'

/** What was signed, as text, beside what the server says it should have been. */
export function explanation(
  signed: Bytes,
  canonicalRequest: string,
  secrets: readonly string[],
  said: string,
): Explanation {
  const clean = (text: string): string => redacted(text, secrets)
  return compared(
    {
      ...(canonicalRequest && { canonicalRequest: clean(canonicalRequest) }),
      stringToSign: clean(readable(signed)),
    },
    clean(said),
  )
}

function readable(bytes: Bytes): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    // A digest beside text, as some schemes sign it.
    return Array.from(bytes, (byte) =>
      byte > 31 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
    ).join('')
  }
}
