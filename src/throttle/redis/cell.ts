import type { RedisClient } from '../../types.ts'

// One text in Redis that changes by compare-and-set. The clock of Redis comes with every answer, and is the version too: it
// never names two writes alike, also when the key was gone in between.
const SWAP = `
local seen = redis.call('HGET', KEYS[1], 'version') or 'none'
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
if seen ~= ARGV[1] then return {seen, now, redis.call('HGET', KEYS[1], 'state') or ''} end
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], 'version', now, 'state', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  seen = now
end
return {seen, now}`

interface Swapped {
  readonly version: string
  /** Milliseconds since the epoch, by the clock of Redis. */
  readonly at: number
  /** What stands there in truth, empty where nothing does; set when `version` was not the newest: nothing was written. */
  readonly newest?: string
}

export interface Cell {
  /** Writes `state` if `version` is the newest; an empty one only looks. */
  swap(version: string, state: string): Promise<Swapped>
}

export function createCell(client: RedisClient, key: string, options: { timeout: number; lifetime: number }): Cell {
  const { timeout, lifetime } = options
  return {
    async swap(version, state) {
      const reply = client.eval(SWAP, { keys: [key], arguments: [version, state, String(lifetime)] })
      const [seen, at, newest] = (await bounded(reply, timeout)) as [string, string, string?]
      return { version: seen, at: Number(at) / 1000, ...(newest !== undefined && { newest }) }
    },
  }
}

/**
 * A client may keep a command for as long as it has no connection. In two halves: where this thread was busy all the time, the
 * answer lies there unread, and gets its turn between them.
 */
function bounded<T>(work: Promise<T>, timeout: number): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer = setTimeout(() => {
      timer = setTimeout(() => reject(new Error(`Redis did not answer within ${timeout} ms.`)), timeout / 2)
    }, timeout / 2)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
