import type { Outgoing } from './attempt.ts'
import { LatchkeyError } from './errors.ts'
import { whenEnded } from './http/answer.ts'
import { type BodySource, type Content, contentOf, takeContent } from './http/body.ts'
import { parseUrl } from './http/origin.ts'
import { picked, REQUEST_OPTIONS, type RequestOptions, refuseNames, type Settled, settle } from './options.ts'
import { travel } from './pipeline.ts'
import type { Shared } from './shared.ts'
import { timedOut } from './timing.ts'

/** What our `fetch` takes beside the standard: the options of one request, and content that can be made again. */
export interface FetchInit extends Omit<RequestInit, 'body'>, RequestOptions {
  body?: BodySource
}

export type LatchkeyFetch = (input: string | URL | Request, init?: FetchInit | RequestInit) => Promise<Response>

// What a Request knows beside URL, method, headers and content, with fetch's defaults, which need not be repeated.
const FIELDS: Record<string, unknown> = {
  mode: 'cors',
  credentials: 'same-origin',
  cache: 'default',
  referrer: 'about:client',
  referrerPolicy: '',
  integrity: '',
  keepalive: false,
}
export const STANDARD: readonly string[] = [
  'method',
  'headers',
  'body',
  'redirect',
  'signal',
  'duplex',
  'window',
  ...Object.keys(FIELDS),
]

/** A `fetch` that goes through the pipeline. */
export function fetchThrough(settled: Settled, shared: Shared, baseUrl?: string | URL): LatchkeyFetch {
  return async (input, init = {}) => {
    refuseNames(init)
    const own = settle(
      picked(init, (name) => REQUEST_OPTIONS.includes(name)),
      settled,
    )
    const request = input instanceof Request ? input : undefined
    const lifetime = lifetimeOf(init.signal ?? undefined, own.totalTimeout)
    try {
      const content = await contentFor(init.body as BodySource, request, own.maxReplayBytes)
      const outgoing: Outgoing = {
        method: (init.method ?? request?.method ?? 'GET').toUpperCase(),
        url: request ? new URL(request.url) : parseUrl(input as string | URL, 'input', baseUrl),
        headers: headersFor(init.headers ?? request?.headers, own),
        content,
        fields: { ...fieldsOf(request), ...picked(init, (name) => name in FIELDS) },
        passDown: picked(init, (name) => !STANDARD.includes(name) && !REQUEST_OPTIONS.includes(name)),
        redirect: init.redirect ?? explicit(request),
        signal: lifetime?.signal ?? request?.signal,
      }
      const response = await travel(checked(outgoing), own, shared, lifetime?.deadlineAt ?? Number.POSITIVE_INFINITY)
      return lifetime ? whenEnded(response, lifetime.end) : response
    } catch (error) {
      lifetime?.end()
      throw error
    }
  }
}

/** The content is taken over first, so that nothing that refuses the request leaves a stream behind. */
export async function contentFor(
  body: BodySource,
  request: Request | undefined,
  max: number,
  type?: string,
): Promise<Content> {
  return body === undefined && request?.body ? takeContent(request, max) : contentOf(body, type)
}

/** @throws LatchkeyError `invalid_option` */
export function checked(outgoing: Outgoing): Outgoing {
  const { method, content } = outgoing
  if (content.present && (method === 'GET' || method === 'HEAD'))
    throw new LatchkeyError(
      'invalid_option',
      `A ${method} request has no content: leave out \`body\` and \`json\`, or use another method.`,
    )
  return outgoing
}

export function headersFor(init: HeadersInit | undefined, settled: Settled): Headers {
  const { idempotencyKey } = settled
  if (init instanceof Headers && idempotencyKey === undefined) return init
  const headers = new Headers(init)
  if (idempotencyKey !== undefined && !headers.has('idempotency-key'))
    headers.set('idempotency-key', idempotencyKey === true ? crypto.randomUUID() : idempotencyKey)
  return headers
}

export function fieldsOf(request: Request | undefined): RequestInit {
  if (!request) return {}
  const fields: Record<string, unknown> = {}
  for (const name in FIELDS) {
    const value = request[name as keyof Request]
    if (value !== undefined && value !== FIELDS[name] && value !== 'navigate') fields[name] = value
  }
  return fields
}

/** A Request does not tell whether its caller wrote `follow`, or nothing. */
export function explicit(request: Request | undefined): RequestRedirect | undefined {
  return request?.redirect === 'follow' ? undefined : request?.redirect
}

interface Lifetime {
  readonly signal: AbortSignal
  readonly deadlineAt: number
  end(): void
}

/** One listener and one timer for a whole request, gone when its body has ended. */
function lifetimeOf(signal: AbortSignal | undefined, totalTimeout: number): Lifetime | undefined {
  const bounded = Number.isFinite(totalTimeout)
  if (!signal && !bounded) return undefined
  const control = new AbortController()
  const stop = () => control.abort(signal?.reason)
  if (signal?.aborted) stop()
  signal?.addEventListener('abort', stop)
  const timer = bounded ? setTimeout(() => control.abort(timedOut(totalTimeout)), totalTimeout) : undefined
  return {
    signal: control.signal,
    deadlineAt: performance.now() + totalTimeout,
    end() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    },
  }
}
