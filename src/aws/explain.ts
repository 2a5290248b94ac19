import { compared } from '../http/difference.ts'
import type { Explanation } from '../types.ts'

/** What was signed, beside what the server says it should have been. The session token is taken out of both. */
export function explanation(canonicalRequest: string, stringToSign: string, said: string): Explanation {
  const hidden = (text: string) => text.replace(/(x-amz-security-token:).*/g, '$1<redacted>')
  const { difference, ...ours } = compared({ canonicalRequest, stringToSign }, said)
  return {
    ...ours,
    canonicalRequest: hidden(canonicalRequest),
    ...(difference !== undefined && { difference: hidden(difference) }),
  }
}
