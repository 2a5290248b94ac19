import { base64url, hex } from '../crypto/bytes.ts'

/**
 * A UUID (RFC 9562, version 4), 128 random bits in hexadecimal or base64url, the clock in milliseconds or microseconds
 * that never stands still or goes back, or your own from milliseconds.
 */
export type NonceFormat = 'uuid' | 'hex' | 'base64url' | 'increasing-ms' | 'increasing-us' | ((now: number) => string)

const formats = {
  uuid: () => () => crypto.randomUUID() as string,
  hex: () => () => hex(random()),
  base64url: () => () => base64url(random()),
  'increasing-ms': () => increasing(1),
  'increasing-us': () => increasing(1000),
}

export const nonceFormats: readonly string[] = Object.keys(formats)

/** Each call gives another nonce; one maker for each strategy, since counting is its state. */
export function createNonce(format: NonceFormat): (now: number) => string {
  return typeof format === 'function' ? format : formats[format]()
}

function random(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(16))
}

// Servers remember the highest: a clock that is set back, or a burst in one tick, must still count up.
function increasing(perMillisecond: number): (now: number) => string {
  let last = 0
  return (now) => {
    last = Math.max(last + 1, Math.floor(now * perMillisecond))
    return String(last)
  }
}
