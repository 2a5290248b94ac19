import type { Outgoing } from './attempt.ts'
import { FETCH, picked, REQUEST, refuseNames } from './check.ts'
import { LatchkeyError } from './errors.ts'
import { type BodySource, type Content, contentOf, takeContent } from './http/body.ts'
import { checkedUrl, parseUrl } from './http/origin.ts'
import { withinLifetime } from './lifetime.ts'
import { type RequestOptions, type Settled, settleRequest } from './options.ts'
import { travel } from './pipeline.ts'
import type { HeadersInit, RequestRedirect } from './platform.ts'
import type { Shared } from './shared.ts'
import type { Awaitable } from './types.ts'

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
/** A `fetch` that goes through the pipeline. */
export function fetchThrough(
  settled: Settled,
  shared: Shared,
  baseUrl: string | URL | undefined,
  transportOptions: RequestInit,
): LatchkeyFetch {
  return async (input, given) => {
    const init = given ?? {}
    refuseNames(init, true)
    const own = settleRequest(init, settled)
    const request = input instanceof Request ? input : undefined
    return withinLifetime(init.signal ?? request?.signal, own.totalTimeout, async (signal, deadlineAt) => {
      const outgoing: Outgoing = {
        method: (init.method ?? request?.method ?? 'GET').toUpperCase(),
        url: request ? new URL(request.url) : parseUrl(input as string | URL, 'input', baseUrl),
        headers: headersFor(init.headers ?? request?.headers, own),
        content: await contentFor(init.body as BodySource, request, own.maxReplayBytes),
        fields: { ...fieldsOf(request), ...picked(init, (name) => name in FIELDS) },
        passDown: {
          ...transportOptions,
          ...picked(init, (name) => !(name in FETCH) && !(name in REQUEST)),
        },
        redirect: init.redirect ?? explicit(request),
        signal,
      }
      return travel(checked(outgoing), own, shared, deadlineAt)
    })
  }
}

/** The content is taken over first, so that nothing that refuses the request leaves a stream behind. */
export function contentFor(
  body: BodySource,
  request: Request | undefined,
  max: number,
  type?: string,
): Awaitable<Content> {
  return body === undefined && request?.body ? takeContent(request, max) : contentOf(body, type)
}

/** @throws LatchkeyError `invalid_option` */
export function checked(outgoing: Outgoing): Outgoing {
  const { method, content } = outgoing
  checkedUrl(outgoing.url, 'input')
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
  const headers = sendable(() => new Headers(init))
  if (idempotencyKey !== undefined && !headers.has('idempotency-key'))
    headers.set('idempotency-key', idempotencyKey === true ? crypto.randomUUID() : idempotencyKey)
  return headers
}

/**
 * What fetch says of a URL or a header that it cannot send quotes it, and may quote a secret.
 * @throws LatchkeyError `invalid_option`
 */
export function sendable<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (error instanceof LatchkeyError) throw error
    throw new LatchkeyError(
      'invalid_option',
      'No request can be made of this: a URL needs a host and no user name, a header has no line breaks, a method is one word.',
    )
  }
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
