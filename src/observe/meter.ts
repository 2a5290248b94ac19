// Which endpoints are most trafficked, and how they do.
import { LatchkeyError } from '../errors.ts'
import type { ClientEvent, OnEvent } from '../events.ts'
import { createRoutes } from '../http/route.ts'
import { createHistogram, type Histogram } from './histogram.ts'

export interface MeterOptions {
  /** Route templates, e.g. `['/users/{id}']`. Default: segments that look like ids become `{id}`. */
  routes?: readonly string[]
  /** Most endpoints counted apart; what comes after them is counted as `{other}`. Default 1000. */
  most?: number
}

/** What is known of one endpoint. Durations are in milliseconds. */
export interface EndpointStats {
  readonly method: string
  readonly origin: string
  /** The path with `{…}` where paths differ. */
  readonly route: string
  /** Requests that ended. */
  readonly calls: number
  /** Tries on the wire; more than `calls` where some were repeated. */
  readonly attempts: number
  /** Requests that ended with a status from 400 on, or without an answer. */
  readonly errors: number
  /** How those without an answer ended, by code. */
  readonly failures: Readonly<Record<string, number>>
  /** Answers by status, those before the last one of a request too. */
  readonly statuses: Readonly<Record<number, number>>
  /** Answers that said "too many". */
  readonly throttled: number
  /** Time spent waiting here before attempts left. */
  readonly waited: number
  /** From the call to the head of its answer, waits included. */
  readonly latency: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number }
}

export interface Meter {
  /** For `createClient({ onEvent })`; one meter may listen to several clients. */
  readonly onEvent: OnEvent
  /** The endpoints, those with most attempts first. */
  endpoints(): EndpointStats[]
  /** Counts from zero again. */
  reset(): void
}

interface Counts {
  readonly method: string
  readonly origin: string
  readonly route: string
  calls: number
  attempts: number
  errors: number
  throttled: number
  waited: number
  readonly failures: Record<string, number>
  readonly statuses: Record<number, number>
  readonly latency: Histogram
}

/**
 * Counts requests by method and route: most trafficked endpoints, errors, refusals, waits, latency percentiles (within 2 %).
 * @throws LatchkeyError `invalid_option`
 * @example
 * const meter = createMeter()
 * const api = createClient({ baseUrl, auth, onEvent: meter.onEvent })
 * console.table(meter.endpoints())
 */
export function createMeter(options: MeterOptions = {}): Meter {
  const { routes, most = 1000 } = options
  if (!(most >= 1)) throw new LatchkeyError('invalid_option', '`most` of createMeter must be a number, 1 or more.')
  const routeOf = createRoutes(routes)
  const endpoints = new Map<string, Counts>()

  return {
    onEvent(event) {
      if (!('id' in event)) return
      const counts = countsOf(event)
      if (event.type === 'attempt') {
        counts.attempts++
        counts.waited += event.waited
      } else if (event.type === 'response') {
        increment(counts.statuses, event.status)
        if (event.status === 429) counts.throttled++
      } else if (event.type === 'end') {
        counts.calls++
        counts.latency.record(event.duration)
        if (event.error) increment(counts.failures, event.error)
        if (event.error || (event.status ?? 0) >= 400) counts.errors++
      }
    },
    endpoints: () => [...endpoints.values()].map(statsOf).sort((a, b) => b.attempts - a.attempts),
    reset: () => endpoints.clear(),
  }

  function countsOf({ method, url }: Extract<ClientEvent, { id: number }>): Counts {
    const { origin, pathname } = new URL(url)
    const route = routeOf(pathname)
    const key = `${method} ${origin}${route}`
    const known = endpoints.get(key)
    if (known) return known
    // A route that no template covers must not make this grow for ever.
    if (endpoints.size >= most && route !== '{other}') return other(method, origin)
    const made = fresh(method, origin, route)
    endpoints.set(key, made)
    return made
  }

  function other(method: string, origin: string): Counts {
    const key = `${method} ${origin}{other}`
    const found = endpoints.get(key) ?? fresh(method, origin, '{other}')
    endpoints.set(key, found)
    return found
  }
}

function fresh(method: string, origin: string, route: string): Counts {
  return {
    method,
    origin,
    route,
    calls: 0,
    attempts: 0,
    errors: 0,
    throttled: 0,
    waited: 0,
    failures: {},
    statuses: {},
    latency: createHistogram(),
  }
}

function increment<K extends string | number>(counts: Record<K, number>, key: K): void {
  counts[key] = (counts[key] ?? 0) + 1
}

function statsOf({ latency, failures, statuses, ...counts }: Counts): EndpointStats {
  return {
    ...counts,
    failures: { ...failures },
    statuses: { ...statuses },
    latency: {
      p50: latency.percentile(0.5),
      p90: latency.percentile(0.9),
      p99: latency.percentile(0.99),
      max: latency.max,
    },
  }
}
