import { LatchkeyError } from '../errors.ts'
import type { Content } from './body.ts'
import { publicUrl } from './origin.ts'

export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

/** The parts of a request that a redirect may change. */
export interface Redirectable {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly content: Content
}

export function refused(from: URL, why: string): LatchkeyError {
  return new LatchkeyError('redirect_refused', `Redirect from ${publicUrl(from)} refused. ${why}`)
}
