import { LatchkeyError } from '../../errors.ts'
import type { Limiter, LimitState } from '../../types.ts'
import type { QuotaReading } from '../header-fields.ts'
import type { LimiterOptions } from '../limiter.ts'
import { createScopes } from '../scopes.ts'
import { limitsOf } from '../states.ts'
import { heldTime } from '../told.ts'
import type { Buckets } from './buckets.ts'

export interface BucketLimiterOptions extends Omit<LimiterOptions, 'share' | 'quota'> {
  /** How the API says which bucket a request counts in: `githubBuckets`, `discordBuckets`, `xBuckets`, or one of your own. */
  buckets: Buckets
}

// Which bucket a route counts in is learned again when forgotten.
const MOST_ROUTES = 10_000

/**
 * A limiter for an API that counts each bucket of routes for itself: one that is used up holds back its own requests only. The
 * bucket of a route is learned from its answers. Declared limits, and refusals that name no bucket or mean all, hold for all.
 * @throws LatchkeyError `invalid_option`
 * @example
 * const api = createClient({ baseUrl: 'https://api.github.com/', auth, limiter: bucketLimiter({ buckets: githubBuckets }) })
 */
export function bucketLimiter({ buckets, ...options }: BucketLimiterOptions): Limiter {
  if (typeof buckets?.named !== 'function' || typeof buckets.route !== 'function')
    throw new LatchkeyError(
      'invalid_option',
      '`buckets` must be `githubBuckets`, `discordBuckets`, `xBuckets`, or one of your own.',
    )
  const limits = options.limits === 'none' ? 'none' : []
  const parts = createScopes({ ...options, limits, quota: buckets.quota })
  const whole = createScopes({ ...options, quota: ofAll })
  const learned = new Map<string, string>()
  // What those hear whom an answer does not mean.
  const SILENCE = new Response(null)

  return {
    async run(call, send) {
      const route = orElse(() => buckets.route(call), { pattern: call.method })
      const key = `${call.scope} ${route.pattern}`
      let answer!: Response
      await leave(bucketOf(), call.maxWait)
      return answer

      function bucketOf(): string {
        const bucket = learned.get(key) ?? route.pattern
        return `${call.scope} ${bucket}${route.part ? ` ${route.part}` : ''}`
      }

      /** Waits for the bucket, and then for what means all. */
      async function leave(name: string, maxWait: number): Promise<void> {
        const scope = parts.scopeOf(name)
        const since = heldTime(scope, performance.now())
        // What a new route counts in may be used up: one call asks.
        if (!learned.has(key) && anyUsedUp(call.scope)) scope.cap = 1
        let heard = false
        const part = { ...call, scope: name, maxWait, refused: () => (heard ? call.refused?.() : undefined) }
        await parts.run(part, async () => {
          const left = maxWait + since - heldTime(scope, performance.now())
          const known = bucketOf()
          // Its bucket became known while it waited.
          if (known !== name) await leave(known, left)
          else heard = await ask(name, left)
          return heard ? answer : SILENCE
        })
      }

      /** True where the answer tells something of this bucket. */
      async function ask(name: string, maxWait: number): Promise<boolean> {
        const scope = whole.scopeOf(call.scope)
        let meant = false
        let leftAt = 0
        const all = { ...call, maxWait, refused: () => (meant ? call.refused?.() : undefined) }
        await whole.run(all, async () => {
          leftAt = performance.now()
          answer = await send()
          const { headers, status } = answer
          const bucket = orElse(() => buckets.named(headers, route), undefined)
          if (bucket !== undefined) learn(key, bucket)
          meant = bucket === undefined || orElse(() => buckets.everything(status, headers), true)
          // Each bucket is careful for itself.
          if (!meant && !scope.told) scope.cap = Number.POSITIVE_INFINITY
          return meant ? answer : SILENCE
        })
        const named = bucketOf()
        if (!meant && named !== name) await teach(named, leftAt)
        return !meant && named === name
      }

      /** The call was counted in a bucket that it did not ask. */
      async function teach(name: string, leftAt: number): Promise<void> {
        const scope = parts.scopeOf(name)
        const readings = await parts.read(answer, call)
        const flight = parts.depart(scope, call)
        // It left before this bucket was closed: its refusal is the same one.
        const epoch = scope.gate.until > leftAt ? -1 : flight.epoch
        parts.learn(scope, call, { ...flight, leftAt, epoch }, answer, readings)
        parts.settle(scope, flight, readings.length > 0)
      }
    },
    limits: () => [...limitsOf(whole), ...limitsOf(parts)].filter(isKnown),
  }

  /** What an answer says of all: nothing of the bucket it names. */
  async function ofAll(...said: Parameters<Buckets['quota']>): Promise<readonly QuotaReading[]> {
    const bucket = orElse(() => buckets.named(said[0], { pattern: '' }), undefined)
    return (await buckets.quota(...said)).filter(({ policy }) => policy !== bucket)
  }

  function learn(key: string, bucket: string): void {
    if (learned.size >= MOST_ROUTES && !learned.has(key)) learned.delete(learned.keys().next().value as string)
    learned.set(key, bucket)
  }

  function anyUsedUp(name: string): boolean {
    const now = performance.now()
    return [...parts.all()].some(
      ([other, { gate, ledger }]) => other.startsWith(`${name} `) && (gate.until > now || ledger.short(now, 0, 1)),
    )
  }
}

/** A rule of the user's that fails must not cost an answer. */
function orElse<T>(ask: () => T, otherwise: T): T {
  try {
    return ask()
  } catch {
    return otherwise
  }
}

/** Something is known of it, or under way. */
function isKnown({ policy, retryAt, inFlight, waiting }: LimitState): boolean {
  return policy !== undefined || retryAt !== undefined || inFlight + waiting > 0
}
