import { textDigest } from '../../crypto/text-digest.ts'
import { LatchkeyError } from '../../errors.ts'
import { sleep } from '../../timing.ts'
import type { LimitedCall, Limiter } from '../../types.ts'
import { createSharedScopes, type LimiterOptions } from '../limiter.ts'
import type { Scope } from '../scope.ts'
import type { Lesson } from '../share.ts'
import { limitsOf } from '../states.ts'

export interface TabLimiterOptions extends Omit<LimiterOptions, 'share'> {
  /** Whose credentials these are, the same in every tab that uses them: a name that is no secret. */
  identity: string
}

/** What tabs say to one another: a lesson, or a question of one who is new. Scopes go by their hash. */
type Message = { readonly scope: string; readonly lesson?: Lesson }

/**
 * A limiter that shares its gate and what answers said of quotas with all tabs and workers of the same origin, over a
 * BroadcastChannel; after a refusal one of them all probes first, by a Web Lock. Nothing is stored.
 * @throws LatchkeyError `invalid_option`
 * @example
 * const api = createClient({ baseUrl, auth, limiter: tabLimiter({ identity: 'user-42' }) })
 */
export function tabLimiter(options: TabLimiterOptions): Limiter {
  const { identity } = options
  if (typeof identity !== 'string' || !identity)
    throw new LatchkeyError('invalid_option', '`identity` must name whose credentials these are.')

  const channel = new BroadcastChannel('latchkey limits')
  // A channel must not keep a program alive.
  ;(channel as { unref?(): void }).unref?.()
  const lessons = new Map<string, Lesson>()
  const known = new Map<string, { readonly name: string; readonly hash: string }>()
  let heard: (scope: string, lesson: Lesson) => void = () => {}

  const scopes = createSharedScopes({
    ...options,
    share: {
      tell(name, lesson) {
        const hash = known.get(name)?.hash
        if (hash) say({ scope: hash, lesson: remembered(hash, lesson) })
      },
      hear(listener) {
        heard = listener
      },
    },
  })

  channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    const { scope: hash, lesson } = data
    if (!lesson) {
      const last = lessons.get(hash)
      if (last) say({ scope: hash, lesson: last })
      return
    }
    remembered(hash, lesson)
    for (const one of known.values()) if (one.hash === hash) heard(one.name, lesson)
  })

  return {
    async run(call, send) {
      const hash = known.get(call.scope)?.hash ?? (await met(call.scope))
      const scope = scopes.scopeOf(call.scope)
      return scopes.run(call, () => (probing(scope) ? alone(hash, scope, call, send) : send()))
    },
    limits: () => limitsOf(scopes),
  }

  /** The first call of a scope: what others learned may have been heard before, or is told now. */
  async function met(name: string): Promise<string> {
    const text = `${identity}\0${name.replaceAll(/ #\d+(?= |$)/g, '')}`
    const hash = await textDigest(`latchkey limits\0${text}`)
    if (known.size >= MOST_LESSONS) known.delete(known.keys().next().value as string)
    known.set(name, { name, hash })
    const lesson = lessons.get(hash)
    if (lesson) heard(name, lesson)
    else {
      say({ scope: hash })
      await sleep(ANSWER)
    }
    return hash
  }

  function remembered(hash: string, lesson: Lesson): Lesson {
    const retryAt = Math.max(lesson.retryAt ?? 0, lessons.get(hash)?.retryAt ?? 0)
    // What was said longest ago may be forgotten.
    if (lessons.size >= MOST_LESSONS) lessons.delete(lessons.keys().next().value as string)
    lessons.set(hash, retryAt > Date.now() ? { ...lesson, retryAt } : lesson)
    return lesson
  }

  /** One tab after the other: whoever comes second hears first what became of the probe. */
  async function alone(
    hash: string,
    scope: Scope,
    call: LimitedCall,
    send: () => Promise<Response>,
  ): Promise<Response> {
    const locks = globalThis.navigator?.locks
    if (!locks) return send()
    return locks.request(`latchkey probe ${hash}`, { signal: call.signal }, async () => {
      await sleep(ANSWER, call.signal)
      for (let left = closed(scope); left > 0; left = closed(scope)) await sleep(left, call.signal)
      return send()
    })
  }

  function say(message: Message): void {
    channel.postMessage(message)
  }
}

// Milliseconds a message takes from tab to tab, at most, when nothing is wrong.
const ANSWER = 15

const MOST_LESSONS = 1000

/** After a refusal, and before anything has come through. */
function probing({ cap, told, gate }: Scope): boolean {
  return told && cap === 1 && gate.epoch > 0
}

function closed({ gate }: Scope): number {
  return Math.min(gate.until - performance.now(), 1000)
}
