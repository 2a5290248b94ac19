import { type InnerList, serialize } from '../http/structured-field.ts'
import { componentValue, identityOf, type Source } from './components.ts'
import { SignatureError } from './signature-error.ts'

/**
 * What is signed (RFC 9421, section 2.5): a line for each covered component, and one for what is said of the signature.
 * @throws SignatureError `component_unavailable`
 */
export function signatureBase(covered: InnerList, source: Source): string {
  const seen = new Set(covered.items.map(identityOf))
  if (seen.size < covered.items.length)
    throw new SignatureError('component_unavailable', 'A component is covered twice: name each once.')
  const lines = covered.items.map((component) => `${serialize(component)}: ${componentValue(component, source)}`)
  return [...lines, `"@signature-params": ${serialize(covered)}`].join('\n')
}
