import { LatchkeyError } from '../errors.ts'
import { isTimeout } from '../timing.ts'
import type { LimitedCall, Limiter } from '../types.ts'
import { createLimiter } from './limiter.ts'

export interface BreakerOptions {
  /** Decides when requests leave while the circuit is closed. Default: `createLimiter()`. */
  limiter?: Limiter
  /** Failures within `within` milliseconds that open the circuit of an origin: 5xx, no answer, a timeout. Default 5. */
  failures?: number
  /** Milliseconds. Default 30 000. */
  within?: number
  /** Milliseconds an open circuit refuses requests before one may try. Default 10 000. */
  openFor?: number
}

/** The origin failed again and again: not sent. */
export class CircuitOpenError extends LatchkeyError {
  declare readonly code: 'circuit_open'
  readonly origin: string
  /** Milliseconds since the epoch: then one request may try. */
  readonly retryAt: number

  constructor(origin: string, wait: number) {
    super('circuit_open', `Not sent: ${origin} failed too often. Try again in ${Math.ceil(wait / 1000)} s.`)
    this.name = 'CircuitOpenError'
    this.origin = origin
    this.retryAt = Date.now() + wait
  }
}

interface Circuit {
  /** When it failed, on the clock of `performance.now()`. */
  failures: number[]
  openUntil: number
  /** Until when the one that tries has time to answer. */
  tryingUntil: number
}

// Circuits that are closed hold nothing worth keeping.
const MOST_CIRCUITS = 1000

/**
 * A limiter with a circuit breaker for each origin: after failures in a row of time it refuses at once, then one request
 * tries, and its success closes the circuit. Refusals (429) are no failures: the limiter waits for those.
 * @throws CircuitOpenError `circuit_open`
 */
export function breaker(options: BreakerOptions = {}): Limiter {
  const { limiter = createLimiter(), failures = 5, within = 30_000, openFor = 10_000 } = options
  const circuits = new Map<string, Circuit>()

  return {
    async run(call, send) {
      const { origin } = new URL(call.url)
      refuseIfOpen(origin, call)
      return limiter.run(call, async () => {
        // It may have opened while this one waited.
        refuseIfOpen(origin, call)
        const circuit = circuits.get(origin)
        const trying = circuit !== undefined && circuit.openUntil > 0
        if (trying) circuit.tryingUntil = performance.now() + Math.min(call.timeout, openFor)
        let failed = true
        try {
          const response = await send()
          failed = response.status >= 500
          return response
        } catch (error) {
          // Who gave up says nothing of the server.
          failed = !call.signal.aborted || isTimeout(call.signal.reason)
          throw error
        } finally {
          settle(origin, failed, trying)
        }
      })
    },
    limits: () => limiter.limits?.() ?? [],
  }

  function refuseIfOpen(origin: string, call: LimitedCall): void {
    const circuit = circuits.get(origin)
    const now = performance.now()
    if (!circuit || call.signal.aborted) return
    const until = Math.max(circuit.openUntil, circuit.tryingUntil)
    if (until > now) throw new CircuitOpenError(origin, until - now)
  }

  function settle(origin: string, failed: boolean, trying: boolean): void {
    const now = performance.now()
    if (!failed) {
      const circuit = circuits.get(origin)
      if (circuit && (trying || !circuit.openUntil)) circuits.delete(origin)
      return
    }
    if (circuits.size >= MOST_CIRCUITS)
      for (const [name, { openUntil }] of circuits) if (openUntil <= now) circuits.delete(name)
    const circuit = circuits.get(origin) ?? { failures: [], openUntil: 0, tryingUntil: 0 }
    circuits.set(origin, circuit)
    circuit.failures = [...circuit.failures.filter((at) => at > now - within), now]
    circuit.tryingUntil = 0
    if (trying || circuit.failures.length >= failures) {
      circuit.openUntil = now + openFor
      circuit.failures = []
    }
  }
}
