import { inspect } from 'node:util'

/** Everywhere a value may show itself: each way of writing it down, by name. */
const sinks: Record<string, (value: unknown) => unknown> = {
  template: (value) => `${value}`,
  json: (value) => JSON.stringify(value),
  inspect: (value) => inspect(value, { showHidden: true, depth: 10, maxStringLength: null, maxArrayLength: null }),
  'inspect without custom': (value) => inspect(value, { customInspect: false, showHidden: true, depth: 6, maxStringLength: null, maxArrayLength: null }), // biome-ignore format: one line
  stack: (value) => (value as Error).stack,
  message: (value) => (value as Error).message,
  structuredClone: (value) => inspect(structuredClone(value), { showHidden: true, depth: 10 }),
  entries: (value) => inspect(Object.entries(value as object), { depth: 4 }),
}

/** What each sink says of a value, of its cause, and of what hangs on it that only getters show. */
function said(value: unknown, path = ''): [sink: string, text: string][] {
  const found: [string, string][] = []
  for (const [name, sink] of Object.entries(sinks)) {
    let text: unknown
    try {
      text = sink(value)
    } catch (error) {
      text = `${error} ${(error as Error)?.stack}`
    }
    if (text !== undefined) found.push([`${path}${name}`, String(text)])
  }
  if (typeof value !== 'object' || value === null) return found
  if (value instanceof Error && value.cause !== undefined) found.push(...said(value.cause, `${path}cause: `))
  for (const key of ['response', 'data', 'error'] as const)
    if (key in value) found.push(...said((value as Record<string, unknown>)[key], `${path}${key}: `))
  if (value instanceof Request || value instanceof Response) {
    const { url, headers } = value
    found.push([`${path}url`, url], [`${path}headers`, JSON.stringify([...headers])])
    if (!value.bodyUsed) found.push([`${path}clone`, `${value.clone().url} ${inspect(value.clone(), { depth: 10 })}`])
  }
  return found
}

/** The forms in which a secret gives itself away: as it is, percent-encoded, in base64 at any offset, and its first 8 characters. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
    return text.slice(Math.ceil((offset * 4) / 3), Math.floor(((offset + bytes.length) * 4) / 3)).slice(0, 11)
  })
  const encoded = [secret, encodeURIComponent(secret), new URLSearchParams({ a: secret }).toString().slice(2)]
  return [...encoded, ...encoded.map((text) => text.slice(0, 8)), ...base64, bytes.toString('hex').slice(0, 16)]
}

/** The sinks that show a secret, for a failure message that says where. */
export function leaks(values: readonly unknown[], secret: string): string[] {
  const forms = formsOf(secret)
  return [...new Set(values)].flatMap((value) =>
    said(value)
      .filter(([, text]) => forms.some((form) => text.includes(form)))
      .map(
        ([sink, text]) => `${(value as object)?.constructor?.name ?? typeof value} in ${sink}: ${excerpt(text, forms)}`,
      ),
  )
}

function excerpt(text: string, forms: readonly string[]): string {
  const at = Math.min(...forms.map((form) => text.indexOf(form)).filter((index) => index >= 0))
  return text.slice(Math.max(0, at - 60), at + 30).replaceAll('\n', ' ')
}
