import type { Explanation } from '../types.ts'

// How servers quote what they would have signed: S3 and what speaks like it, the other services of AWS, Azure, Alibaba.
const CANONICAL = [
  /<CanonicalRequest>([\s\S]*?)<\/CanonicalRequest>/,
  /Canonical String for this request should have been\s+'([\s\S]*?)'\s+The String-to-Sign/,
]
const TO_SIGN = [
  /<StringToSign>([\s\S]*?)<\/StringToSign>/,
  /String-to-Sign should have been\s+'([\s\S]*?)'/,
  /string to sign: '([\s\S]*?)'/,
  /server string ?to ?sign is:\s*([^"<]*)/i,
]

/** What was signed, beside what the server says it should have been: the canonical request where it quotes that, or the string to sign. */
export function compared(ours: Explanation, said: string): Explanation {
  const text = plain(said)
  const canonical = ours.canonicalRequest === undefined ? undefined : found(CANONICAL, text)
  const toSign = found(TO_SIGN, text)
  if (canonical !== undefined) return { ...ours, difference: difference(ours.canonicalRequest as string, canonical) }
  return toSign === undefined ? ours : { ...ours, difference: difference(ours.stringToSign, toSign) }
}

/** The lines of neither side that both have, in order: the longest common subsequence is left out. */
function difference(ours: string, theirs: string): string {
  const [a, b] = [ours.split('\n'), theirs.split('\n')]
  const common = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0))
  const at = (i: number, j: number) => common[i]?.[j] ?? 0
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      (common[i] as number[])[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
  const lines: string[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && a[i] === b[j]) {
      i++
      j++
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) lines.push(`- ${a[i++]}`)
    else lines.push(`+ ${b[j++]}`)
  }
  return lines.join('\n')
}

function found(patterns: readonly RegExp[], text: string): string | undefined {
  for (const pattern of patterns) {
    const match = pattern.exec(text)
    if (match) return match[1]
  }
  return undefined
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** The text that JSON or XML wraps. */
function plain(said: string): string {
  if (said.startsWith('{'))
    try {
      const values = Object.values(JSON.parse(said)).filter((value) => typeof value === 'string')
      return values.join('\n')
    } catch {}
  // The tags stay: no string to sign holds one.
  return said
    .replaceAll('\r\n', '\n')
    .replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal, hex, name) =>
      name ? (ENTITIES[name] ?? whole) : String.fromCodePoint(Number.parseInt(decimal ?? hex, decimal ? 10 : 16)),
    )
}
