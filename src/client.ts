import ky, { type ResponsePromise } from 'ky'
import {
  type CallOptions,
  type ClientOptions,
  call,
  forKy,
  handedOff,
  type Input,
  KY,
  type Parts,
  passDown,
} from './call.ts'
import { CREATION, checkNames, FETCH } from './check.ts'
import { settle } from './options.ts'
import { fetchThrough, type LatchkeyFetch, sendable } from './outgoing.ts'
import { createShared, extendShared } from './shared.ts'
import { createScopes } from './throttle/scopes.ts'
import { withLimits } from './throttle/states.ts'
import type { LimitState } from './types.ts'

export type { CallOptions, ClientOptions } from './call.ts'

/** ky's shortcuts over Latchkey's pipeline. */
export interface Client {
  <T = unknown>(input: Input, options?: CallOptions): ResponsePromise<T>
  get<T = unknown>(input: Input, options?: CallOptions): ResponsePromise<T>
  post<T = unknown>(input: Input, options?: CallOptions): ResponsePromise<T>
  put<T = unknown>(input: Input, options?: CallOptions): ResponsePromise<T>
  patch<T = unknown>(input: Input, options?: CallOptions): ResponsePromise<T>
  delete<T = unknown>(input: Input, options?: CallOptions): ResponsePromise<T>
  head<T = unknown>(input: Input, options?: CallOptions): ResponsePromise<T>
  query<T = unknown>(input: Input, options?: CallOptions): ResponsePromise<T>
  /** The same client with other options. Limiter, clocks and retry budget stay shared; `auth` is replaced whole. */
  extend(options: ClientOptions): Client
  /** The pipeline without ky, for other clients: openapi-fetch, GraphQL clients, vendor SDKs. Returns every Response the server gave. */
  readonly fetch: LatchkeyFetch
  /** What is known of each scope: calls in flight, calls waiting, and until when nothing may leave. */
  limits(): readonly LimitState[]
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'query'] as const

/**
 * A client for one API: configured once, it authenticates, waits and tries again for every request.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_conflict`
 * @example
 * const api = createClient({ baseUrl: 'https://api.example.com/v1/', auth: apiKey({ name: 'X-API-Key', value }) })
 * const user = await api.get('users/42').json<User>()
 */
export function createClient(options: ClientOptions = {}): Client {
  checkNames(options, { ...CREATION, ...FETCH, ...KY })
  return clientOf({
    settled: settle(options),
    shared: createShared(options, (own) => withLimits(createScopes(own))),
    face: sendable(() => ky.create({ ...forKy(options), retry: 0, timeout: false, fetch: handedOff })),
    defaults: options,
    passDown: passDown(options),
  })
}

function clientOf(parts: Parts): Client {
  const shortcuts = METHODS.map((method) => [
    method,
    (input: Input, options?: CallOptions) => call(parts, input, { ...options, method }),
  ])
  return Object.assign((input: Input, options: CallOptions = {}) => call(parts, input, options), {
    ...Object.fromEntries(shortcuts),
    extend: (options: ClientOptions) => clientOf(extended(parts, options)),
    fetch: fetchThrough(parts.settled, parts.shared, parts.defaults.baseUrl, parts.passDown),
    limits: () => parts.shared.limiter.limits?.() ?? [],
  })
}

function extended(parent: Parts, options: ClientOptions): Parts {
  checkNames(options, { ...CREATION, ...FETCH, ...KY })
  return {
    settled: settle(options, parent.settled),
    shared: extendShared(parent.shared, options),
    face: sendable(() => parent.face.extend(forKy(options))),
    defaults: { ...parent.defaults, ...options },
    passDown: { ...parent.passDown, ...passDown(options) },
  }
}
