import type { Attempt, AuthStrategy, Explanation } from '../types.ts'

/** What is kept of an attempt, so that its strategy can be asked what it signed. */
export interface Explainable {
  readonly make: Parameters<Attempt['explain']>[0]
  readonly by: AuthStrategy | undefined
  readonly strategies: readonly AuthStrategy[]
  /** As it was sent. */
  request(): Request | undefined
}

// A refused Response carries it for as long as somebody holds the Response.
const carried = new WeakMap<Response, Explainable>()

export function carry(response: Response, explainable: Explainable | undefined): Response {
  if (explainable) carried.set(response, explainable)
  return response
}

/** A Response that stands for another carries the same. */
export function carryOn(from: Response, to: Response): Response {
  return carry(to, carried.get(from))
}

/**
 * What the credentials of a refused request were made from, rebuilt when asked: the string that was signed, and how it
 * differs from the server's, where the server sent that. Takes an `HTTPError`, or the Response itself, best unread.
 *
 * undefined where nothing was signed.
 */
export async function explain(refused: unknown): Promise<Explanation | undefined> {
  const { response = refused, data } = Object(refused) as { response?: unknown; data?: unknown }
  const explainable = carried.get(response as Response)
  if (!explainable) return undefined
  const said = typeof data === 'string' ? data : data ? JSON.stringify(data) : await unread(response as Response)
  const secrets = placedByOthers(explainable)
  const parts = Object.entries(await explainable.make(said)) as [string, string][]
  return Object.fromEntries(parts.map(([name, text]) => [name, redacted(text, secrets)])) as unknown as Explanation
}

async function unread(response: Response): Promise<string> {
  return response.bodyUsed ? '' : response.clone().text()
}

/** What was signed may cover the credentials of others. */
function placedByOthers({ by, strategies, request }: Explainable): string[] {
  const sent = request() as Request
  const { searchParams } = new URL(sent.url)
  return strategies
    .filter((strategy) => strategy !== by)
    .flatMap(({ places }) => places)
    .flatMap((place) => {
      const [kind, name] = place.split(/:(.*)/s) as [string, string]
      return kind === 'query' ? searchParams.getAll(name) : [sent.headers.get(kind === 'cookie' ? kind : name) ?? '']
    })
}

/** The text without these, also where they are percent-encoded, once or twice. */
export function redacted(text: string, secrets: readonly string[]): string {
  return [...secrets]
    .filter(Boolean)
    .sort((a, b) => b.length - a.length)
    .map((secret) => new RegExp([...secret].map(inAnyForm).join(''), 'giu'))
    .reduce((left, pattern) => left.replace(pattern, '<redacted>'), text)
}

function inAnyForm(character: string): string {
  const code = character.codePointAt(0) as number
  const encoded = code < 128 ? `%${code.toString(16).padStart(2, '0')}` : encodeURIComponent(character)
  return `(?:\\u{${code.toString(16)}}|${encoded}|${encoded.replaceAll('%', '%25')}${character === ' ' ? '|\\+' : ''})`
}
