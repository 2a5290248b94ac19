import { CurrentAttempt, type Outgoing } from './attempt.ts'
import { LatchkeyError, RateLimitError } from './errors.ts'
import type { RequestEvent } from './events.ts'
import { type SharedAnswer, shareAnswer } from './http/answer.ts'
import type { Clock } from './http/clock.ts'
import { guardOrigin, publicUrl } from './http/origin.ts'
import { guardNativeRedirect, nextHop, refused } from './http/redirect.ts'
import type { Settled } from './options.ts'
import { type Outcome, outcomeOf, outcomeOfFailure, Patience } from './retry/patience.ts'
import type { Shared } from './shared.ts'
import { scopeOf } from './throttle/scope.ts'
import { abortable, sleep } from './timing.ts'
import type { AuthStrategy, Bytes, LimitedCall } from './types.ts'

// A redirect chain this long is a loop, as in the Fetch standard.
const MOST_HOPS = 20
// A server clock that differs by more than this from what was signed may be why it said no.
const SKEW = 2000

/**
 * One request, from the caller to the answer that stands.
 * @throws CredentialError, RateLimitError and LatchkeyError, what the transport threw, and the signal's reason
 */
export async function travel(asked: Outgoing, settled: Settled, shared: Shared, deadlineAt: number): Promise<Response> {
  asked.signal?.throwIfAborted()
  if (settled.strategies.length) guardOrigin(asked.url, settled.origins)
  return new Journey(asked, settled, shared, deadlineAt).run()
}

class Journey {
  readonly #settled: Settled
  readonly #shared: Shared
  readonly #deadlineAt: number
  readonly #patience: Patience
  readonly #signal: AbortSignal
  readonly #id: number
  readonly #honoured = new Set<string>()
  #outgoing!: Outgoing
  #strategies: readonly AuthStrategy[]
  #scope!: string
  #clock!: Clock
  #attempt: CurrentAttempt | undefined
  #last: SharedAnswer | undefined
  #refused: SharedAnswer | undefined
  #number = 0
  #hops = 0
  #notBefore = 0
  #idleSince = performance.now()

  constructor(asked: Outgoing, settled: Settled, shared: Shared, deadlineAt: number) {
    this.#settled = settled
    this.#shared = shared
    this.#deadlineAt = deadlineAt
    this.#patience = new Patience(settled.retry, settled.maxWait, deadlineAt)
    this.#signal = asked.signal ?? new AbortController().signal
    this.#id = shared.nextId()
    this.#strategies = settled.strategies
    this.#goTo(asked)
  }

  #goTo(outgoing: Outgoing): void {
    this.#outgoing = outgoing
    this.#scope = scopeOf(outgoing.url.origin, this.#strategies)
    this.#clock = this.#shared.clockOf(outgoing.url.origin)
  }

  async run(): Promise<Response> {
    for (;;) {
      const answer = await this.#try()
      if (!answer) continue
      if (answer === this.#refused) return answer.response()
      try {
        if (this.#redirected(answer) || (await this.#replayed(answer)) || (await this.#retried(answer))) continue
      } catch (error) {
        answer.discard()
        throw error
      }
      return this.#handUp(answer)
    }
  }

  // ---- one attempt: wait, credentials, send, observe ----

  /** undefined when it failed and another one may follow. */
  async #try(): Promise<SharedAnswer | undefined> {
    this.#attempt?.release()
    this.#number++
    const attempt = new CurrentAttempt(
      this.#number,
      this.#outgoing,
      await this.#finalBytes(),
      this.#clock,
      this.#shared.onEvent,
    )
    this.#attempt = attempt
    let onTheWire = false
    try {
      const response = await this.#shared.limiter.run(this.#call(), async () => {
        await this.#breathe()
        this.#last?.discard()
        this.#last = undefined
        const request = await attempt.authenticate(this.#strategies)
        this.#tell({ type: 'attempt', number: attempt.number, waited: performance.now() - this.#idleSince })
        onTheWire = true
        const head = await this.#send(attempt, request)
        onTheWire = false
        return head
      })
      this.#last = shareAnswer(response, this.#outgoing.url)
      return this.#last
    } catch (error) {
      attempt.release()
      // The server's own refusal says more than ours that follows from it.
      if (error instanceof RateLimitError && this.#last) {
        this.#refused = this.#last
        return this.#last
      }
      if (!onTheWire || this.#signal.aborted) throw error
      if (!(await this.#again(outcomeOfFailure(error, this.#settled.retry))))
        throw this.#outgoing.failure?.(error) ?? error
      return undefined
    }
  }

  /** Read once; from then on every attempt sends exactly these. */
  async #finalBytes(): Promise<Bytes | undefined> {
    const needed = this.#strategies.some(
      ({ needsBody }) => needsBody === true || (needsBody === 'on-challenge' && this.#honoured.size),
    )
    if (!needed) return undefined
    const { content, bytes } = await this.#outgoing.content.bytes()
    this.#outgoing = { ...this.#outgoing, content }
    return bytes
  }

  /** The built-in gate is open by now; whatever limiter the user brought, nothing leaves earlier than the server asked. */
  async #breathe(): Promise<void> {
    const early = this.#notBefore - performance.now()
    if (early > 0) await sleep(early, this.#signal)
    this.#signal.throwIfAborted()
  }

  async #send(attempt: CurrentAttempt, request: Request): Promise<Response> {
    const sentAt = Date.now()
    const start = performance.now()
    const response = await attempt.send(request, this.#shared.transport ?? globalThis.fetch, this.#settled.timeout)
    this.#idleSince = performance.now()
    this.#clock.observe(response.headers, sentAt, Date.now())
    this.#tell({ type: 'response', number: attempt.number, status: response.status, duration: this.#idleSince - start })
    return response
  }

  #call(): LimitedCall {
    return {
      scope: this.#scope,
      method: this.#outgoing.method,
      url: publicUrl(this.#outgoing.url),
      attempt: this.#number,
      order: this.#id,
      signal: this.#signal,
      maxWait: this.#settled.maxWait,
      deadlineAt: this.#deadlineAt,
      timeout: this.#settled.timeout,
      waiting: (reason, duration) => this.#tell({ type: 'wait', reason, duration }),
    }
  }

  // ---- its answer: follow, ask with other credentials, come back later, or hand it up ----

  #redirected(answer: SharedAnswer): boolean {
    const { redirect, url, content } = this.#outgoing
    if (redirect === 'manual') return false
    if (answer.opaque) {
      guardNativeRedirect(
        this.#outgoing,
        this.#strategies.flatMap(({ places }) => places),
        redirect,
      )
      this.#outgoing = { ...this.#outgoing, followNatively: true }
      return true
    }
    const crossOrigin = this.#settled.crossOrigin ?? (this.#strategies.length ? 'error' : 'strip')
    const hop = nextHop(answer, this.#outgoing, crossOrigin)
    if (!hop || (hop.content === content && !content.replayable)) return false
    if (redirect === 'error') throw refused(url, "The request was made with `redirect: 'error'`.")
    if (++this.#hops > MOST_HOPS)
      throw new LatchkeyError('too_many_redirects', `More than ${MOST_HOPS} redirects from ${publicUrl(url)}.`)
    this.#tell({ type: 'replay', number: this.#number, reason: 'redirect' })
    const { stripped, ...request } = hop
    if (stripped) this.#strategies = []
    this.#goTo({ ...this.#outgoing, ...request })
    return true
  }

  async #replayed(answer: SharedAnswer): Promise<boolean> {
    const attempt = this.#attempt as CurrentAttempt
    const reasons: string[] = []
    for (const strategy of this.#strategies) {
      if (!strategy.onResponse) continue
      const reason = await abortable(Promise.resolve(strategy.onResponse(answer, attempt)), this.#signal)
      if (reason) reasons.push(reason)
    }
    if (this.#skewed(answer, attempt)) reasons.push('clock_skew')
    const reason = reasons.find((candidate) => !this.#honoured.has(candidate))
    if (!reason || !this.#outgoing.content.replayable) return false
    this.#honoured.add(reason)
    this.#tell({ type: 'replay', number: this.#number, reason })
    return true
  }

  /** The credentials told a time that the answer proves wrong. */
  #skewed(answer: SharedAnswer, attempt: CurrentAttempt): boolean {
    if (attempt.offset === undefined || ![400, 401, 403].includes(answer.status)) return false
    return Math.abs(this.#clock.now() - Date.now() - attempt.offset) > SKEW
  }

  async #retried(answer: SharedAnswer): Promise<boolean> {
    const { retry } = this.#settled
    const outcome = outcomeOf(answer, retry)
    if (outcome.verdict === 'final' && !retry.shouldRetry) return false
    return this.#again({ ...outcome, response: async () => new Response((await answer.peek()) || null, answer) })
  }

  async #again(outcome: Outcome): Promise<boolean> {
    const { method, content } = this.#outgoing
    const { retry, idempotencyKey } = this.#settled
    if (!content.replayable) return false
    const repeatable = idempotencyKey !== undefined || retry.methods.includes(method.toLowerCase())
    const delay = await this.#patience.delay(outcome, repeatable, this.#shared.budgetOf(this.#scope))
    if (delay === undefined) return false
    const { reason, status } = outcome
    this.#tell({ type: 'retry', number: this.#number, delay, reason, ...(status && { status }) })
    if (outcome.verdict === 'throttled') this.#notBefore = performance.now() + delay
    else await sleep(delay, this.#signal)
    return true
  }

  #handUp(answer: SharedAnswer): Promise<Response> {
    const attempt = this.#attempt as CurrentAttempt
    if (answer.status < 400) this.#shared.budgetOf(this.#scope).earn(this.#patience.retries)
    this.#outgoing.onHead?.((reason) => attempt.stop(reason))
    return answer.response()
  }

  #tell(event: RequestEvent): void {
    if (!this.#shared.onEvent) return
    const { method, url } = this.#outgoing
    try {
      this.#shared.onEvent({ id: this.#id, method, url: publicUrl(url), ...event })
    } catch {
      // Who only listens must not be able to break a request.
    }
  }
}
