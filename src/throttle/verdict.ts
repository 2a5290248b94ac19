import { LatchkeyError } from '../errors.ts'
import { waitHint } from '../retry/hint.ts'
import type { Answer, Awaitable } from '../types.ts'

/** Says whether an answer is a refusal, whatever its status: true, or the milliseconds to wait. */
export type Throttled = (answer: Answer) => Awaitable<boolean | number | undefined>

type Discardable = Answer & { discard(): void }

/**
 * Milliseconds a classifier asks to wait, 0 where it does not say, undefined where it sees no refusal.
 * @throws LatchkeyError `invalid_option` where it fails: what it threw may quote the answer
 */
export async function refusalBy(
  throttled: Throttled,
  answer: Discardable,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    const verdict = await throttled(answer)
    if (verdict === true) return 0
    return typeof verdict === 'number' && verdict >= 0 ? verdict : undefined
  } catch {
    answer.discard()
    signal.throwIfAborted()
    throw new LatchkeyError('invalid_option', '`throttled` threw. It must return true, milliseconds or undefined.')
  }
}

/** In a page, fields of another origin are hidden unless the server exposes them: then a 429 has no word about when. */
export function hidesLimits({ type, status, headers }: Response): boolean {
  return (
    type === 'cors' &&
    status === 429 &&
    waitHint(headers) === undefined &&
    ![...headers.keys()].some((name) => /limit/.test(name))
  )
}

export const HIDDEN = {
  type: 'warning',
  code: 'headers_hidden',
  expose: 'Retry-After, RateLimit, RateLimit-Policy',
} as const
