import {
  type AfterResponseHook,
  type KyInstance,
  NetworkError,
  type Options,
  type ResponsePromise,
  TimeoutError,
} from 'ky'
import type { Outgoing } from './attempt.ts'
import { CREATE, FETCH, named, picked, REQUEST, type Rules, refuseNames } from './check.ts'
import { LatchkeyError } from './errors.ts'
import type { BodySource } from './http/body.ts'
import { withinLifetime } from './lifetime.ts'
import { type CreateOptions, type RequestOptions, type Settled, settleRequest } from './options.ts'
import { checked, contentFor, explicit, fieldsOf, headersFor, sendable } from './outgoing.ts'
import { travel } from './pipeline.ts'
import type { Shared } from './shared.ts'
import { isTimeout, timedOut } from './timing.ts'

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
  /** What is ours to keep of the options it was created with. */
  readonly defaults: Pick<ClientOptions, 'baseUrl' | 'stringifyJson' | 'redirect' | 'signal'>
  /** What only the transport knows. */
  readonly passDown: RequestInit
}

export const KY: Rules = named(
  'json parseJson stringifyJson searchParams prefix hooks throwHttpErrors onDownloadProgress context',
)
// The content stays with us, every redirect, and the signal: ky would tie a long-lived one to each of its requests.
const OURS = ['json', 'body', 'redirect', 'signal']

const READS = ['json', 'text', 'formData', 'arrayBuffer', 'blob', 'bytes'] as const

function forItself(name: string): boolean {
  return name in KY || name in FETCH || name === 'baseUrl' || name === 'totalTimeout'
}

/**
 * The options that are ky's. It would merge, copy and print everything else.
 * @throws LatchkeyError `invalid_option`
 */
export function forKy(options: ClientOptions | CallOptions): Options {
  const theirs: Options = picked(options, (name) => forItself(name) && !OURS.includes(name))
  const { hooks } = options
  if (hooks?.beforeRetry) throw notHere('hooks.beforeRetry')
  if (hooks?.afterResponse) theirs.hooks = { ...hooks, afterResponse: hooks.afterResponse.map(withoutRetry) }
  return theirs
}

/** ky's own engine is off: what would ask it for another attempt is refused, not ignored. */
function withoutRetry(hook: AfterResponseHook): AfterResponseHook {
  return async (state) => {
    const result = await hook(state)
    if (result && !(result instanceof Response)) throw notHere('ky.retry()')
    return result
  }
}

function notHere(name: string): LatchkeyError {
  return new LatchkeyError(
    'invalid_option',
    `\`${name}\` has no effect here: attempts are made below ky. Use \`retry.shouldRetry\` or \`onEvent\`.`,
  )
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
  refuseNames(options, true)
  const { settled: client, shared, defaults, face } = parts
  const settled = settleRequest(options, client)
  const given = input instanceof Request ? input : undefined
  const signal = signalOf(options.signal ?? given?.signal, defaults.signal)
  const json = options.json !== undefined
  const source = json ? (options.stringifyJson ?? defaults.stringifyJson ?? JSON.stringify)(options.json) : options.body
  // Taken before ky sees it: a form that ky cannot send it would cancel, which ends the process in Node 24.
  const content = contentFor(source, given, settled.maxReplayBytes, json ? 'application/json' : undefined)
  if (content instanceof Promise) content.catch(() => {})
  let asked: Request | undefined
  let reading = false
  let timer: ReturnType<typeof setTimeout> | undefined

  function latchkey(request: Request): Promise<Response> {
    asked = request
    return withinLifetime(signal, settled.totalTimeout, async (ownSignal, deadlineAt) => {
      const outgoing: Outgoing = {
        method: request.method,
        url: new URL(request.url),
        headers: headersFor(request.headers, settled),
        // A hook may have put a request of its own in the place of the first.
        content: request.body ? await contentFor(undefined, request, settled.maxReplayBytes) : await content,
        fields: fieldsOf(request),
        passDown: { ...parts.passDown, ...passDown(options) },
        redirect: options.redirect ?? explicit(given) ?? defaults.redirect,
        signal: ownSignal,
        failure: (error) =>
          isTimeout(error) ? new TimeoutError(request) : new NetworkError(request, { cause: error as Error }),
        onHead(stop) {
          if (reading && settled.timeout < Number.POSITIVE_INFINITY)
            timer = setTimeout(() => stop(timedOut(settled.timeout)), settled.timeout)
        },
      }
      return travel(checked(outgoing), settled, shared, deadlineAt)
    })
  }

  const kyOptions = { ...forKy(options), latchkey } as Options
  const answer = sendable(() => face(given ? withoutContent(given) : input, kyOptions))
  for (const name of READS) {
    const read = answer[name] as (schema?: unknown) => Promise<never>
    if (read) answer[name] = (schema?: unknown) => readBody(() => read(schema))
  }
  return answer

  /** A shortcut reads the body too, so the time an attempt may take covers it. */
  async function readBody<T>(read: () => Promise<T>): Promise<T> {
    reading = true
    try {
      return await read()
    } catch (error) {
      throw asked && !signal?.aborted && isTimeout(error) ? new TimeoutError(asked) : error
    } finally {
      clearTimeout(timer)
    }
  }
}

export function passDown(options: object): RequestInit {
  return picked(options, (name) => !(name in REQUEST) && !(name in CREATE) && !(name in KY) && !(name in FETCH))
}

function withoutContent(request: Request): Request {
  const { url, method, headers } = request
  return new Request(url, { method, headers, ...fieldsOf(request) })
}

function signalOf(
  own: AbortSignal | null | undefined,
  client: AbortSignal | null | undefined,
): AbortSignal | undefined {
  return own && client ? AbortSignal.any([own, client]) : (own ?? client ?? undefined)
}
