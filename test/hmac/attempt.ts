import { createTry } from '../../src/attempt.ts'
import { contentOf } from '../../src/http/body.ts'
import { carry, explain } from '../../src/http/explanation.ts'
import type { AuthStrategy, Explanation } from '../../src/types.ts'

export interface Sent {
  readonly method?: string
  readonly url: string
  readonly headers?: HeadersInit
  readonly body?: BodyInit
  /** What the clock says, in milliseconds since the epoch. */
  readonly now?: number | (() => number)
}

/** One attempt, as the pipeline makes it: the Request that would leave. */
export async function authenticated(strategy: AuthStrategy, sent: Sent): Promise<Request> {
  return (await attempted(strategy, sent)).request
}

/** The same, and what the strategy says of it after a refusal in these words. */
export async function attempted(
  strategy: AuthStrategy,
  sent: Sent,
): Promise<{ request: Request; explained(said?: string): Promise<Explanation> }> {
  const { method = 'GET', url, headers, body, now } = sent
  const { content, bytes } = await contentOf(body).bytes()
  const outgoing = {
    method,
    url: new URL(url),
    headers: new Headers(headers),
    content: strategy.needsBody ? content : contentOf(body),
    fields: {},
    passDown: {},
    redirect: undefined,
    signal: undefined,
  }
  const clock = {
    now: () => (typeof now === 'function' ? now() : (now ?? Date.now())),
    observe: () => {},
    learn: () => {},
    known: () => true,
  }
  const attempt = createTry(1, [], outgoing, strategy.needsBody ? bytes : undefined, clock, undefined)
  const request = await attempt.authenticate([strategy])
  const explained = (said = '') => explain(carry(new Response(said, { status: 403 }), attempt.explainable))
  return { request, explained: explained as (said?: string) => Promise<Explanation> }
}
