import { CredentialError, LatchkeyError } from './errors.ts'
import type { OnEvent } from './events.ts'
import type { SharedAnswer } from './http/answer.ts'
import { type Content, fixed } from './http/body.ts'
import type { Clock } from './http/clock.ts'
import { carry, type Explainable } from './http/explanation.ts'
import type { RequestRedirect } from './platform.ts'
import { abortable, timedOut } from './timing.ts'
import type { Attempt, AuthStrategy, Awaitable, Bytes, Fetch, ReplayReason } from './types.ts'

// What a server says of its time took its time to come here.
const TOLERANCE = 500

/** A request as the caller asked for it, and as redirects changed it. Never holds a credential of ours. */
export interface Outgoing {
  readonly method: string
  readonly url: URL
  readonly headers: Headers
  readonly content: Content
  /** What else fetch knows of a Request: mode, credentials, cache and the like. */
  readonly fields: RequestInit
  /** What only the transport knows, e.g. `dispatcher`, `next`, `cf`. */
  readonly passDown: RequestInit
  /** As the caller wrote it; undefined is fetch's default, which is to follow. */
  readonly redirect: RequestRedirect | undefined
  readonly signal: AbortSignal | undefined
  /** What the caller is told in place of a failure of the transport. */
  readonly failure?: ((error: unknown) => unknown) | undefined
  /** Hears how to stop the final answer while its body is still on the way. */
  readonly onHead?: ((stop: (reason: unknown) => void) => void) | undefined
  /** The platform follows redirects by itself: only where it hides them from us, and nothing can leak. */
  readonly followNatively?: boolean
}

/** One try on the wire: what strategies see of it, and what the pipeline does with it. */
export interface Try extends Attempt {
  /** A strategy read the clock: milliseconds the server was thought to be ahead. */
  offset: number | undefined
  /** A strategy can tell what it signed. */
  explainable: Explainable | undefined
  /** Puts the credentials on this attempt's own Request: the last thing before the wire. */
  authenticate(strategies: readonly AuthStrategy[]): Promise<Request>
  /** The head of the answer. The time an attempt may take starts here; neither its end nor an abort waits for the transport. */
  send(request: Request, transport: Fetch, timeout: number): Promise<Response>
  /** Ends it, also while the body is on the way. */
  stop(reason: unknown): void
  /** What came back. */
  answer: SharedAnswer | undefined
  /** The answer for the caller. The attempt can still be stopped: the body may be on the way. */
  handUp(): Awaitable<Response>
  /** Nobody will get its answer: frees the connection, and no abort of the caller reaches it any longer. */
  release(): void
}

export function createTry(
  number: number,
  honoured: readonly ReplayReason[],
  outgoing: Outgoing,
  body: Bytes | undefined,
  clock: Clock,
  onEvent: OnEvent | undefined,
): Try {
  const control = new AbortController()
  const { signal } = control
  let { content } = outgoing
  let credentials: RequestCredentials | undefined
  let changed = false
  let applied: readonly AuthStrategy[] = []
  let applying: AuthStrategy | undefined
  let sent: Request | undefined
  let reject: (reason: unknown) => void = () => {}
  const onAbort = () => attempt.stop(outgoing.signal?.reason)
  outgoing.signal?.addEventListener('abort', onAbort)

  const attempt: Mutable<Try> = {
    number,
    honoured,
    url: outgoing.url,
    ...(body && { body }),
    signal,
    offset: undefined,
    explainable: undefined,
    answer: undefined,
    setUrl(url) {
      if (url.origin !== outgoing.url.origin)
        throw new CredentialError('origin_not_allowed', `A strategy must not lead to another origin, ${url.origin}.`)
      attempt.url = url
      changed = true
    },
    setBody(bytes) {
      attempt.body = bytes
      content = fixed(bytes, content.type)
      changed = true
    },
    now() {
      const now = clock.now()
      // What was known before the answer: later readings prove nothing about what was sent.
      attempt.offset ??= now - Date.now()
      return now
    },
    correct(now) {
      clock.learn(now)
      return Math.abs(clock.now() - Date.now() - (attempt.offset ?? 0)) > TOLERANCE
    },
    explain(make) {
      attempt.explainable = { make, by: applying, strategies: applied, request: () => sent }
    },
    report: (event) => onEvent?.(event),

    async authenticate(strategies) {
      credentials = strategies.find((strategy) => strategy.credentials)?.credentials
      let request = made(outgoing.headers)
      applied = strategies
      for (const strategy of strategies) {
        applying = strategy
        const done = strategy.authenticate(request, attempt)
        if (done) await abortable(done, signal)
        if (changed) request = made(request.headers)
      }
      sent = request
      return request
    },
    send(request, transport, timeout) {
      return new Promise((resolve, fail) => {
        reject = fail
        const timer =
          timeout < Number.POSITIVE_INFINITY ? setTimeout(() => attempt.stop(timedOut(timeout)), timeout) : undefined
        // Asynchronous, so that a transport that throws at once is no exception.
        const answered = (async () => await transport(request, { ...outgoing.passDown, signal }))()
        answered.then(
          (response) => {
            clearTimeout(timer)
            resolve(response)
          },
          (error) => {
            clearTimeout(timer)
            fail(withoutSecrets(error, request, outgoing))
          },
        )
      })
    },
    stop(reason) {
      control.abort(reason)
      reject(reason)
    },
    handUp() {
      const { answer, explainable } = attempt as { answer: SharedAnswer; explainable: Explainable | undefined }
      outgoing.onHead?.(attempt.stop)
      const response = answer.response()
      if (!explainable || answer.status < 400) return response
      return Promise.resolve(response).then((said) => carry(said, explainable))
    },
    release() {
      attempt.answer?.discard()
      outgoing.signal?.removeEventListener('abort', onAbort)
    },
  }
  return attempt

  // The Request carries no signal: that goes to the transport beside it, where it costs least.
  function made(headers: Headers): Request {
    changed = false
    const { method, fields, followNatively } = outgoing
    const init: RequestInit & { duplex?: string } = {
      ...(credentials && { credentials }),
      ...fields,
      method,
      headers,
      redirect: followNatively ? 'follow' : 'manual',
    }
    const body = content.make()
    if (body !== undefined) init.body = body
    if (body instanceof ReadableStream) init.duplex = 'half'
    const request = new Request(attempt.url, init)
    if (content.type && !headers.has('content-type')) request.headers.set('content-type', content.type)
    return request
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * What failed, without what hangs on it: some platforms quote the URL, some transports the headers or the whole request.
 * Messages remain that quote nothing of what was placed, and the code of the cause.
 */
function withoutSecrets(error: unknown, sent: Request, { url, headers }: Outgoing): unknown {
  if (error instanceof LatchkeyError) return error
  const placed = [...sent.headers].filter(([name, value]) => value !== headers.get(name)).map(([, value]) => value)
  const [ours, theirs] = [new URL(sent.url), url].map(({ search }) => search.slice(1).split('&')) as [
    string[],
    string[],
  ]
  const pairs = ours.filter((pair) => !theirs.includes(pair))
  placed.push(...pairs, ...new URLSearchParams(pairs.join('&')).values())
  const parts = placed.flatMap((value) => [value, ...value.split(/[\s;,&=]+/)]).filter((part) => part.length > 3)
  const clean = (text: unknown): string => {
    const shown = String(text).replaceAll(sent.url, url.href)
    return parts.some((part) => shown.includes(part)) ? 'fetch failed' : shown
  }
  const { message = 'fetch failed', name = '', code, cause } = Object(error) as Partial<Error & { code: unknown }>
  if (error instanceof DOMException) return new DOMException(clean(message), clean(name))
  const { message: why = '', code: number = code } = Object(cause) as Partial<Error & { code: unknown }>
  const options =
    typeof number === 'string' ? { cause: Object.assign(new Error(clean(why)), { code: clean(number) }) } : {}
  return new TypeError(clean(message), options)
}
