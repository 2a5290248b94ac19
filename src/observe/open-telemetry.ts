// What a client does, as OpenTelemetry sees HTTP clients (semantic conventions 1.27 and later): a span for each request, below it
// one for each attempt, and the duration of attempts as a metric. URLs come without query, so nothing secret can be in them.
import {
  type Attributes,
  type Context,
  context,
  type Meter,
  metrics,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { ClientEvent, OnEvent } from '../events.ts'
import { createRoutes } from '../http/route.ts'

export interface OpenTelemetryOptions {
  /** Default: the tracer `latchkey` of the global provider, looked up for each request. */
  tracer?: Tracer
  /** Default: the meter `latchkey` of the global provider, looked up once. */
  meter?: Meter
  /** Route templates for `url.template`, e.g. `['/users/{id}']`. Default: segments that look like ids become `{id}`. */
  routes?: readonly string[]
}

type OfRequest = Extract<ClientEvent, { id: number }>
type Of<T extends ClientEvent['type']> = Extract<ClientEvent, { type: T }>

/** A request under way. */
interface Call {
  readonly span: Span
  readonly context: Context
  attempt: { readonly span: Span; readonly number: number; readonly leftAt: number } | undefined
}

// Some workers stop a request without a word; its spans must not be kept for ever.
const MOST_CALLS = 10_000
// Seconds, as the semantic conventions advise for `http.client.request.duration`.
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/**
 * An `onEvent` that tells OpenTelemetry what a client does; one may listen to several clients.
 *
 * Waits, retries and replays are events of the request's span. Needs `@opentelemetry/api`, which your application brings.
 * @example createClient({ baseUrl, auth, onEvent: openTelemetry() })
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): OnEvent {
  const { tracer = trace.getTracer('latchkey'), meter = metrics.getMeter('latchkey') } = options
  const routeOf = createRoutes(options.routes)
  const calls = new Map<number, Call>()
  const durations = meter.createHistogram('http.client.request.duration', {
    description: 'Duration of HTTP client requests.',
    unit: 's',
    advice: { explicitBucketBoundaries: BUCKETS },
  })

  return (event) => {
    if ('id' in event) ofRequest(event)
    else if (event.type === 'renew') renewed(event)
  }

  function ofRequest(event: OfRequest): void {
    const call = calls.get(event.id) ?? begun(event)
    if (event.type === 'attempt') {
      const attributes = {
        ...attributesOf(event),
        ...(event.number > 1 && { 'http.request.resend_count': event.number - 1 }),
      }
      const span = tracer.startSpan(
        nameOf(event),
        { kind: SpanKind.CLIENT, attributes, startTime: now() },
        call.context,
      )
      call.attempt = { span, number: event.number, leftAt: now() }
    } else if (event.type === 'response') {
      endAttempt(
        call,
        event,
        { 'http.response.status_code': event.status },
        event.status >= 400 ? String(event.status) : undefined,
      )
    } else if (event.type === 'end') {
      endAttempt(call, event, {}, event.error ?? 'unknown')
      ended(call, event)
    } else {
      // What failed without an answer is known by what follows it.
      if (event.type === 'retry') endAttempt(call, event, {}, event.reason)
      const { id: _, method: __, url: ___, type, links: ____, ...details } = { links: undefined, ...event }
      call.span.addEvent(type, finite(details), now())
    }
  }

  function begun(event: OfRequest): Call {
    const waited = event.type === 'attempt' ? event.waited : 0
    const attributes = attributesOf(event)
    const span = tracer.startSpan(`latchkey ${nameOf(event)}`, { attributes, startTime: now() - waited })
    const call: Call = { span, context: trace.setSpan(context.active(), span), attempt: undefined }
    if (calls.size >= MOST_CALLS) {
      const [id, oldest] = calls.entries().next().value as [number, Call]
      oldest.attempt?.span.end(now())
      oldest.span.end(now())
      calls.delete(id)
    }
    calls.set(event.id, call)
    return call
  }

  function endAttempt(
    { attempt, ...call }: Call,
    event: OfRequest,
    more: Attributes,
    failure: string | undefined,
  ): void {
    if (!attempt) return
    const attributes = { ...more, ...(failure && { 'error.type': failure }) }
    attempt.span.setAttributes(attributes)
    if (failure) attempt.span.setStatus({ code: SpanStatusCode.ERROR })
    attempt.span.end(now())
    const open = calls.get(event.id)
    if (open) open.attempt = undefined
    durations.record((now() - attempt.leftAt) / 1000, { ...metricAttributes(event), ...attributes }, call.context)
  }

  function ended({ span }: Call, event: OfRequest & Of<'end'>): void {
    const { status, error, attempts } = event
    const failure = error ?? ((status ?? 0) >= 400 ? String(status) : undefined)
    span.setAttributes({
      ...(status !== undefined && { 'http.response.status_code': status }),
      ...(failure && { 'error.type': failure }),
      'latchkey.attempts': attempts,
    })
    if (failure) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(now())
    calls.delete(event.id)
  }

  function renewed({ duration, outcome, code }: Of<'renew'>): void {
    const span = tracer.startSpan('latchkey renew', { startTime: now() - duration })
    if (outcome === 'failed')
      span.setAttributes({ 'error.type': code ?? 'unknown' }).setStatus({ code: SpanStatusCode.ERROR })
    span.end(now())
  }

  function nameOf({ method, url }: OfRequest): string {
    return `${method} ${routeOf(new URL(url).pathname)}`
  }

  function attributesOf(event: OfRequest): Attributes {
    return { ...metricAttributes(event), 'url.full': event.url }
  }

  /** Few values each, so that a metric may have them. */
  function metricAttributes({ method, url }: OfRequest): Attributes {
    const { protocol, hostname, port, pathname } = new URL(url)
    return {
      'http.request.method': method,
      'server.address': hostname,
      'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
      'url.template': routeOf(pathname),
    }
  }
}

/** Milliseconds since the epoch, with fractions, on a clock that never goes back. */
function now(): number {
  return performance.timeOrigin + performance.now()
}

/** An attribute may be no Infinity: `wait` has one where only another call's end is waited for. */
function finite(details: Record<string, unknown>): Attributes {
  return Object.fromEntries(
    Object.entries(details).filter(([, value]) => value !== undefined && value !== Number.POSITIVE_INFINITY),
  ) as Attributes
}
