import { concat, utf8 } from '../crypto/bytes.ts'
import { LatchkeyError } from '../errors.ts'
import type { Awaitable, Bytes } from '../types.ts'
import { invalid, type Message } from './options.ts'

/** @throws LatchkeyError `invalid_option` */
export function bytesOf(message: Message): Bytes {
  const parts = Array.isArray(message) ? message : [message]
  if (!parts.every((part) => typeof part === 'string' || part instanceof Uint8Array))
    throw invalid('`message` must return a text, bytes, or an array of these.')
  return concat(...parts.map((part) => (typeof part === 'string' ? utf8(part) : part)))
}

/**
 * Runs a function of the user's. What it throws may quote a credential: only our own errors are passed on.
 * @throws LatchkeyError
 */
export async function own<T>(what: string, task: () => Awaitable<T>): Promise<T> {
  try {
    return await task()
  } catch (error) {
    if (error instanceof LatchkeyError) throw error
    throw invalid(`\`${what}\` failed. Catch and log inside it to see why.`)
  }
}
