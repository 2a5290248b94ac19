import { isForceRetryError, type KyInstance, NetworkError, type Options, type ResponsePromise, TimeoutError } from 'ky'
import type { Outgoing } from './attempt.ts'
import { LatchkeyError } from './errors.ts'
import type { BodySource } from './http/body.ts'
import {
  type CreateOptions,
  FETCH_OPTIONS,
  picked,
  REQUEST_OPTIONS,
  type RequestOptions,
  refuseNames,
  type Settled,
  settle,
} from './options.ts'
import { checked, contentFor, explicit, fieldsOf, headersFor, STANDARD } from './outgoing.ts'
import { travel } from './pipeline.ts'
import type { Shared } from './shared.ts'
import { timedOut } from './timing.ts'

export type Input = string | URL | Request

type FromKy = Omit<Options, 'retry' | 'fetch' | 'timeout' | 'totalTimeout' | 'body' | 'baseUrl' | 'onUploadProgress'>

/** What one request takes: ky's options and ours. What neither knows goes down to the transport. */
export interface CallOptions extends FromKy, RequestOptions {
  /** Resolves the input; never widens where credentials may go. */
  baseUrl?: string | URL
  /** What fetch takes, or a function that opens a stream anew for each attempt. */
  body?: BodySource
}

/** What a client is made with: ky's options, ours, and where credentials may go. */
export interface ClientOptions extends FromKy, CreateOptions {}

/** What a client is: settled options of ours beside a private ky that has only its own. */
export interface Parts {
  readonly settled: Settled
  readonly shared: Shared
  readonly face: KyInstance
  readonly baseUrl: string | URL | undefined
  readonly stringifyJson: ((data: unknown) => string) | undefined
}

export const KY_OPTIONS: readonly string[] =
  'json parseJson stringifyJson searchParams baseUrl prefix totalTimeout hooks throwHttpErrors onDownloadProgress context'.split(
    ' ',
  )
const READS = ['json', 'text', 'formData', 'arrayBuffer', 'blob', 'bytes'] as const

/**
 * The options that are ky's. It would merge, copy and print everything else.
 * @throws LatchkeyError `invalid_option`
 */
export function forKy(options: ClientOptions | CallOptions): Options {
  if (options.hooks?.beforeRetry)
    throw new LatchkeyError(
      'invalid_option',
      '`hooks.beforeRetry` never runs here: attempts are made below ky. Use `retry.shouldRetry` or `onEvent`.',
    )
  const { body, json, redirect, ...rest } = picked(
    options,
    (name) => KY_OPTIONS.includes(name) || FETCH_OPTIONS.includes(name),
  )
  return rest as Options
}

/** The one thing of ours that ky is given for a request, as a function. */
interface Handoff {
  latchkey(request: Request): Promise<Response>
}

/** The one seam of ky that we use: each request hands its own way through the pipeline to it. */
export function handedOff(request: Input, init?: RequestInit): Promise<Response> {
  return (init as unknown as Handoff).latchkey(request as Request)
}

/** One request with ky's face. */
export function call(parts: Parts, input: Input, options: CallOptions): ResponsePromise {
  refuseNames(options)
  const settled = settle(
    picked(options, (name) => REQUEST_OPTIONS.includes(name)),
    parts.settled,
  )
  const deadlineAt = performance.now() + settled.totalTimeout
  const given = input instanceof Request ? input : undefined
  const json = options.json !== undefined
  const source = json ? (options.stringifyJson ?? parts.stringifyJson ?? JSON.stringify)(options.json) : options.body
  // Taken before ky sees it: a form that ky cannot send it would cancel, which ends the process in Node 24.
  const content = contentFor(source, given, settled.maxReplayBytes, json ? 'application/json' : undefined)
  content.catch(() => {})
  const passDown = picked(options, (name) => ![...REQUEST_OPTIONS, ...KY_OPTIONS, ...STANDARD].includes(name))
  let asked: Request | undefined
  let reading = false
  let timer: ReturnType<typeof setTimeout> | undefined

  async function latchkey(request: Request): Promise<Response> {
    asked = request
    const outgoing: Outgoing = {
      method: request.method,
      url: new URL(request.url),
      headers: headersFor(request.headers, settled),
      // A hook may have put a request of its own in the place of the first.
      content: request.body ? await contentFor(undefined, request, settled.maxReplayBytes) : await content,
      fields: fieldsOf(request),
      passDown,
      redirect: options.redirect ?? explicit(given),
      signal: request.signal,
      failure: (error) =>
        isTimeout(error) ? new TimeoutError(request) : new NetworkError(request, { cause: error as Error }),
      onHead(stop) {
        if (reading && Number.isFinite(settled.timeout))
          timer = setTimeout(() => stop(timedOut(settled.timeout)), settled.timeout)
      },
    }
    return travel(checked(outgoing), settled, parts.shared, deadlineAt)
  }

  const answered = parts.face(given ? withoutContent(given) : input, { ...forKy(options), latchkey } as Options)
  const answer = answered.catch(refuseForcedRetry) as ResponsePromise
  for (const type of READS) {
    const read = answered[type] as ((schema?: unknown) => Promise<unknown>) | undefined
    if (read) Object.assign(answer, { [type]: (schema?: unknown) => readBody(() => read(schema)) })
  }
  return answer

  /** A shortcut reads the body too, so the time an attempt may take covers it. */
  async function readBody(read: () => Promise<unknown>): Promise<unknown> {
    reading = true
    answer.catch(() => {})
    try {
      return await read()
    } catch (error) {
      if (asked && !asked.signal.aborted && isTimeout(error)) throw new TimeoutError(asked)
      return refuseForcedRetry(error)
    } finally {
      clearTimeout(timer)
    }
  }
}

function withoutContent(request: Request): Request {
  const { url, method, headers, signal } = request
  return new Request(url, { method, headers, signal, ...fieldsOf(request) })
}

function refuseForcedRetry(error: unknown): never {
  if (!isForceRetryError(error)) throw error
  throw new LatchkeyError(
    'invalid_option',
    '`ky.retry()` cannot ask for another attempt here. Use `retry.shouldRetry`, which also sees the answer.',
  )
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}
