import type { ClientEvent, OnEvent } from './events.ts'
import { type Content, fixed } from './http/body.ts'
import type { Clock } from './http/clock.ts'
import { abortable, timedOut } from './timing.ts'
import type { Attempt, AuthStrategy, Bytes, Fetch } from './types.ts'

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

/** One try on the wire. */
export class CurrentAttempt implements Attempt {
  readonly number: number
  url: URL
  body?: Bytes
  /** A strategy read the clock: milliseconds the server was thought to be ahead. */
  offset: number | undefined
  readonly #outgoing: Outgoing
  readonly #clock: Clock
  readonly #onEvent: OnEvent | undefined
  readonly #control = new AbortController()
  readonly #stop = (): void => this.#control.abort(this.#outgoing.signal?.reason)
  #content: Content
  #changed = false

  constructor(number: number, outgoing: Outgoing, body: Bytes | undefined, clock: Clock, onEvent: OnEvent | undefined) {
    this.number = number
    this.url = outgoing.url
    if (body) this.body = body
    this.#outgoing = outgoing
    this.#content = outgoing.content
    this.#clock = clock
    this.#onEvent = onEvent
    outgoing.signal?.addEventListener('abort', this.#stop)
  }

  get signal(): AbortSignal {
    return this.#control.signal
  }

  setUrl(url: URL): void {
    this.url = url
    this.#changed = true
  }

  setBody(body: Bytes): void {
    this.body = body
    this.#content = fixed(body, this.#content.type)
    this.#changed = true
  }

  now(): number {
    const now = this.#clock.now()
    this.offset = now - Date.now()
    return now
  }

  report(event: ClientEvent): void {
    this.#onEvent?.(event)
  }

  /** Ends this attempt, also while its body is on the way. */
  stop(reason: unknown): void {
    this.#control.abort(reason)
  }

  /** No abort of the caller reaches this attempt any longer. */
  release(): void {
    this.#outgoing.signal?.removeEventListener('abort', this.#stop)
  }

  /** Puts the credentials on this attempt's own Request: the last thing before the wire. */
  async authenticate(strategies: readonly AuthStrategy[]): Promise<Request> {
    let request = this.#request(this.#outgoing.headers)
    for (const strategy of strategies) {
      const done = strategy.authenticate(request, this)
      if (done) await abortable(done, this.signal)
      if (this.#changed) request = this.#request(request.headers)
    }
    return request
  }

  // It carries no signal: that goes to the transport beside it, where it costs least.
  #request(headers: Headers): Request {
    const { fields, method, followNatively } = this.#outgoing
    const body = this.#content.make()
    const request = new Request(this.url, {
      ...fields,
      method,
      headers,
      redirect: followNatively ? 'follow' : 'manual',
      ...(body !== undefined && { body }),
      ...(body instanceof ReadableStream && { duplex: 'half' }),
    })
    const { type } = this.#content
    if (type && !headers.has('content-type')) request.headers.set('content-type', type)
    this.#changed = false
    return request
  }

  /** The head of the answer. The time an attempt may take starts here; its end, and an abort, do not wait for the transport. */
  send(request: Request, transport: Fetch, timeout: number): Promise<Response> {
    const { signal } = this
    const timer = Number.isFinite(timeout) ? setTimeout(() => this.stop(timedOut(timeout)), timeout) : undefined
    const answer = transport(request, { ...this.#outgoing.passDown, signal })
    return abortable(answer, signal).then(
      (response) => {
        clearTimeout(timer)
        return response
      },
      (error) => {
        clearTimeout(timer)
        throw signal.aborted ? signal.reason : this.#withoutSecrets(error)
      },
    )
  }

  // Some platforms quote the URL in their errors: one that carries a key must not be passed on.
  #withoutSecrets(error: unknown): unknown {
    const { url } = this.#outgoing
    if (url.href === this.url.href) return error
    const { message, cause } = error as Error & { cause?: { code?: unknown } }
    const clean = String(message).replaceAll(this.url.href, url.href)
    const safe = new TypeError(clean.includes(this.url.search) ? 'fetch failed' : clean)
    return typeof cause?.code === 'string' ? Object.assign(safe, { code: cause.code }) : safe
  }
}
