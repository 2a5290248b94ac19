import { StoreError, type StoreErrorCode } from '../../errors.ts'
import type { RedisClient } from '../../types.ts'

export const BACKEND = 'redis'

/** Runs a script on the keys of one record. */
export type Call = (script: string, key: string, ...args: string[]) => Promise<unknown>

/** The first word of an error of the server, and what it means. */
const ANSWERS: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
  OOM: ['quota', 'has no memory left (`maxmemory`). The old record stands.'],
  MISCONF: ['quota', 'cannot write to its disk, and takes no writes. The old record stands.'],
  WRONGTYPE: ['corrupt', 'keeps something else under this key. Give another `prefix`.'],
  NOAUTH: ['unavailable', 'asks for a password. Give it to the client.'],
  WRONGPASS: ['unavailable', 'does not accept the password of the client.'],
  NOPERM: [
    'unavailable',
    'does not let this user run EVAL, HMGET, HSET, GET, SET, DEL, EXISTS and PUBLISH on these keys.',
  ],
  READONLY: ['unavailable', 'is a replica, and takes no writes. Connect to the primary.'],
}

/** Calls with a bound, and errors in our words: those of a client may quote what was sent. */
export function caller(client: RedisClient, timeout: number): Call {
  return async (script, key, ...args) => {
    try {
      return await bounded(client.eval(script, { keys: [key], arguments: args }), timeout)
    } catch (error) {
      throw storeError(error, timeout)
    }
  }
}

function storeError(error: unknown, timeout: number): StoreError {
  if (error === LATE) {
    return new StoreError(
      'unavailable',
      BACKEND,
      `Redis did not answer within ${timeout} ms. Try again; a write may have been done all the same.`,
    )
  }
  const word = /^[A-Z]{3,12}(?= )/.exec(error instanceof Error ? error.message : '')?.[0] ?? ''
  const [code, words] = (Object.hasOwn(ANSWERS, word) && ANSWERS[word]) || ['unavailable', '']
  return new StoreError(code, BACKEND, words ? `Redis ${words}` : `Redis is not reachable, or not ready. Try again.`)
}

const LATE = Symbol('late')

/** A client may keep a command for as long as it has no connection. */
function bounded<T>(work: Promise<T>, timeout: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(LATE), timeout)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
