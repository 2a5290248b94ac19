import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { apiKey, createClient } from '../../src/index.ts'
import { openTelemetry } from '../../src/observe/open-telemetry.ts'
import { api, inOrder } from '../servers/api.ts'

const manager = new AsyncLocalStorageContextManager()
beforeAll(() => void context.setGlobalContextManager(manager.enable()))
afterAll(() => void context.disable())

function telemetry() {
  const spans = new InMemorySpanExporter()
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }).getTracer('test')
  const numbers = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const meters = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter: numbers })] })
  return { spans, tracer, numbers, meters, onEvent: openTelemetry({ tracer, meter: meters.getMeter('test') }) }
}

describe('openTelemetry', () => {
  it('gives a span for the request below the active one, and a client span for each attempt', async () => {
    const { url } = await api(inOrder({ status: 429, headers: { 'retry-after': '0.02' } }, {}))
    const { spans, tracer, onEvent } = telemetry()
    const auth = apiKey({ name: 'key', in: 'query', value: 'SENTINEL' })
    const parent = tracer.startSpan('parent')
    await context.with(trace.setSpan(context.active(), parent), () =>
      createClient({ baseUrl: url, auth, onEvent }).get('users/42?q=SENTINEL'),
    )
    const [first, second, call] = spans.getFinishedSpans()
    expect(call?.name).toBe('latchkey GET /users/{id}')
    expect(call?.parentSpanContext?.spanId).toBe(parent.spanContext().spanId)
    expect(call?.attributes).toMatchObject({ 'http.response.status_code': 200, 'latchkey.attempts': 2 })
    expect(call?.events.map(({ name }) => name)).toEqual(['retry', 'wait'])
    for (const span of [first, second]) {
      expect(span?.kind).toBe(SpanKind.CLIENT)
      expect(span?.parentSpanContext?.spanId).toBe(call?.spanContext().spanId)
    }
    expect(first?.attributes).toMatchObject({
      'http.request.method': 'GET',
      'http.response.status_code': 429,
      'error.type': '429',
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(url).port),
      'url.full': `${url}users/42`,
      'url.template': '/users/{id}',
    })
    expect(second?.attributes).toMatchObject({ 'http.request.resend_count': 1, 'http.response.status_code': 200 })
    expect(second?.attributes).not.toHaveProperty('error.type')
    const told = spans.getFinishedSpans().map(({ name, attributes, events }) => ({ name, attributes, events }))
    expect(JSON.stringify(told)).not.toContain('SENTINEL')
  })

  it('ends every span of a request that got no answer, and says why', async () => {
    const { spans, onEvent } = telemetry()
    const fetch = () => Promise.reject(new TypeError('fetch failed'))
    const retry = { limit: 1, delay: () => 1 }
    await createClient({ baseUrl: 'https://api.example.com/', fetch, retry, onEvent })
      .get('x')
      .catch(() => {})
    const ended = spans.getFinishedSpans()
    expect(ended.map(({ name }) => name)).toEqual(['GET /x', 'GET /x', 'latchkey GET /x'])
    for (const { status, attributes } of ended) {
      expect(status.code).toBe(SpanStatusCode.ERROR)
      expect(attributes['error.type']).toBe('network')
    }
    expect(ended[0]?.attributes['server.port']).toBe(443)
  })

  it('records the duration of attempts in seconds, with few attributes', async () => {
    const { url } = await api()
    const { numbers, meters, onEvent } = telemetry()
    const client = createClient({ baseUrl: url, onEvent })
    await Promise.all([client.get('users/1'), client.get('users/2')])
    await meters.forceFlush()
    const metric = numbers.getMetrics()[0]?.scopeMetrics[0]?.metrics[0]
    expect(metric?.descriptor).toMatchObject({ name: 'http.client.request.duration', unit: 's' })
    expect(metric?.dataPoints).toHaveLength(1)
    expect(metric?.dataPoints[0]?.attributes).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(url).port),
      'url.template': '/users/{id}',
    })
    expect(metric?.dataPoints[0]?.value).toMatchObject({ count: 2 })
    await meters.shutdown()
  })

  it('keeps the requests of several clients apart', async () => {
    const { url } = await api()
    const { spans, onEvent } = telemetry()
    await Promise.all(['a', 'b', 'c'].map((path) => createClient({ baseUrl: url, onEvent }).get(path)))
    const calls = spans.getFinishedSpans().filter(({ kind }) => kind === SpanKind.INTERNAL)
    expect(calls.map(({ name }) => name).sort()).toEqual(['latchkey GET /a', 'latchkey GET /b', 'latchkey GET /c'])
    const traces = new Set(spans.getFinishedSpans().map((span) => span.spanContext().traceId))
    expect(traces.size).toBe(3)
  })

  it('tells of renewals, and does nothing where nobody listens', () => {
    const { spans, onEvent } = telemetry()
    onEvent({ type: 'renew', outcome: 'failed', duration: 20, code: 'token_unavailable' })
    expect(spans.getFinishedSpans()).toMatchObject([
      { name: 'latchkey renew', attributes: { 'error.type': 'token_unavailable' } },
    ])
    const silent = openTelemetry()
    silent({ id: 1, method: 'GET', url: 'https://a.example/', type: 'attempt', number: 1, waited: 0 })
    silent({ id: 1, method: 'GET', url: 'https://a.example/', type: 'end', attempts: 1, duration: 1, status: 200 })
  })
})
