// What is told of the traffic, and the version of the API.
import { createClient } from 'latchkey'
import { createMeter } from 'latchkey/observe'
import { openTelemetry } from 'latchkey/observe/open-telemetry'
import { apiVersion } from 'latchkey/version'
import { equal } from './checks.mjs'

export function observing({ baseUrl, trace }) {
  return {
    async 'a meter counts by method and route'() {
      const meter = createMeter({ routes: ['/echo/{id}', '/fails/{status}'] })
      const client = createClient({ baseUrl, retry: 0, onEvent: meter.onEvent })
      for (const id of [1, 2, 3]) await client.get(`echo/${id}`)
      await client.get('fails/404').catch(() => {})
      const [echo, fails] = meter.endpoints()
      equal(JSON.stringify([echo.method, echo.route, echo.calls, echo.errors]), '["GET","/echo/{id}",3,0]')
      equal(JSON.stringify([fails.route, fails.calls, fails.errors]), '["/fails/{status}",1,1]')
      equal(echo.latency.p50 > 0 || navigator?.userAgent === 'Cloudflare-Workers', true)
    },
    async 'OpenTelemetry gets a span for the call and one for each attempt, without the query'() {
      const spans = []
      const tracer = {
        startSpan(name, options) {
          const span = { name, attributes: { ...options.attributes }, ended: false }
          spans.push(span)
          return {
            setAttributes: (more) => Object.assign(span.attributes, more),
            setStatus: (status) => Object.assign(span, { status }),
            addEvent() {},
            end: () => Object.assign(span, { ended: true }),
          }
        },
      }
      const recorded = []
      const meter = { createHistogram: () => ({ record: (seconds) => recorded.push(seconds) }) }
      const client = createClient({
        baseUrl,
        onEvent: openTelemetry({ tracer, meter }),
        retry: { limit: 1, delay: () => 1 },
      })
      await client.get('fails/503?secret=1').catch(() => {})
      const attempts = spans.filter(({ name }) => !name.startsWith('latchkey'))
      equal([spans.length - attempts.length, attempts.length, recorded.length].join(), '1,2,2')
      equal(
        spans.every(({ ended }) => ended),
        true,
      )
      equal(attempts[1].attributes['http.response.status_code'], 503)
      equal(JSON.stringify(spans).includes('secret'), false)
    },
    async 'a version is asked for in each place, and its end is told'() {
      for (const place of ['header', 'query', 'media-type', 'path']) {
        const told = []
        const version = apiVersion({ in: place, value: 'v2' })
        const path = place === 'path' ? 'version' : trace('version')
        const client = createClient({
          baseUrl,
          version,
          onEvent: (event) => event.type === 'version' && told.push(event),
        })
        for (let i = 0; i < 2; i++) equal((await client.get(path).json()).asked, place)
        equal(told.length, 1, place)
        equal(told[0].deprecatedAt, 1_688_169_599_000)
        equal(told[0].sunsetAt, Date.UTC(2037, 0, 1))
      }
    },
  }
}
