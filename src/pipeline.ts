import { createTry, type Outgoing, type Try } from './attempt.ts'
import { errorCode, LatchkeyError, RateLimitError } from './errors.ts'
import type { RequestEvent } from './events.ts'
import { type SharedAnswer, shareAnswer } from './http/answer.ts'
import { dateOf } from './http/clock.ts'
import { guardOrigin, publicUrl } from './http/origin.ts'
import { isRedirect, refused } from './http/redirect.ts'
import type { Settled } from './options.ts'
import { createPatience, type Outcome, outcomeOf, outcomeOfFailure, type Patience } from './retry/patience.ts'
import type { Shared } from './shared.ts'
import { priorityOf, scopeOf } from './throttle/scope-name.ts'
import { HIDDEN, hidesLimits, refusalBy } from './throttle/verdict.ts'
import { abortable, sleep } from './timing.ts'
import type { Bytes, LimitedCall, ReplayReason } from './types.ts'

// A server clock that differs by more milliseconds than this from what was signed may be why it said no.
const SKEW = 2000

/**
 * One request, from the caller to the answer that stands. Each attempt waits, puts on credentials, is sent and observed;
 * its answer is followed, answered with other credentials, tried again later, or handed up.
 * @throws CredentialError, RateLimitError and LatchkeyError, what the transport threw, and the signal's reason
 */
export function travel(wanted: Outgoing, settled: Settled, shared: Shared, deadlineAt: number): Promise<Response> {
  const id = shared.nextId()
  const began = performance.now()
  const asked = settled.version ? { ...wanted, ...settled.version.ask(wanted) } : wanted
  const honoured: ReplayReason[] = []
  let { strategies } = settled
  let outgoing = asked
  let scope = ''
  let clock = shared.clockOf(asked.url.origin)
  let number = 0
  let hops = 0
  let notBefore = 0
  let idleSince = performance.now()
  let attempt: Try
  let last: Try | undefined
  let patience: Patience | undefined
  let seen: SharedAnswer | undefined
  let refusal: number | undefined
  return shared.onEvent ? journey().then(arrived, failed) : journey()

  async function journey(): Promise<Response> {
    if (settled.strategies.length) guardOrigin(asked.url, settled.origins)
    goTo(asked)
    for (;;) {
      asked.signal?.throwIfAborted()
      number++
      const body = needsBytes() ? await finalBytes() : undefined
      attempt = createTry(number, honoured, outgoing, body, clock, shared.onEvent)
      let onTheWire = false
      let answer: SharedAnswer
      refusal = undefined
      try {
        const response = await shared.limiter.run(limitedCall(), async () => {
          // The built-in gate is open by now; whatever limiter the user brought, nothing leaves earlier than the server asked.
          const early = notBefore - performance.now()
          if (early > 0) await sleep(early, attempt.signal)
          attempt.signal.throwIfAborted()
          last?.release()
          last = undefined
          const request = await attempt.authenticate(strategies)
          onTheWire = true
          seen = shareAnswer(await observed(request), outgoing.url, settled.timeout, hops)
          if (settled.throttled) refusal = await refusalBy(settled.throttled, seen, attempt.signal)
          return seen.original
        })
        answer = seen?.original === response ? seen : shareAnswer(response, outgoing.url, settled.timeout, hops)
      } catch (error) {
        attempt.release()
        // The server's own refusal says more than ours that follows from it.
        if (error instanceof RateLimitError && last) return last.handUp()
        last?.release()
        if (!onTheWire || error instanceof LatchkeyError || asked.signal?.aborted) throw error
        if (await again(outcomeOfFailure(error, settled.retry))) continue
        throw outgoing.failure?.(error) ?? error
      }

      attempt.answer = answer
      last = attempt
      try {
        if (
          (redirects(answer) && (await redirected(answer))) ||
          (answersBack() && (await replayed(answer))) ||
          (fails(answer) && (await retried(answer)))
        )
          continue
      } catch (error) {
        attempt.release()
        throw error
      }
      if (answer.status < 400) shared.budgetOf(scope).earn(patience?.retries ?? 0)
      return attempt.handUp()
    }
  }

  function arrived(response: Response): Response {
    tell({ type: 'end', attempts: number, duration: performance.now() - began, status: response.status })
    return response
  }

  function failed(error: unknown): never {
    tell({ type: 'end', attempts: number, duration: performance.now() - began, error: errorCode(error, asked.signal) })
    throw error
  }

  // ---- one attempt: wait, credentials, send, observe ----

  function needsBytes(): boolean {
    return strategies.some(({ needsBody }) => needsBody === true || (needsBody && honoured.length))
  }

  /** Read once; from then on every attempt sends exactly these. */
  async function finalBytes(): Promise<Bytes> {
    const { content, bytes } = await outgoing.content.bytes()
    outgoing = { ...outgoing, content }
    return bytes
  }

  function limitedCall(): LimitedCall {
    // No getter in it: V8 keeps each object that has one, and all it sees, until the next full collection.
    return {
      scope,
      method: outgoing.method,
      url: publicUrl(outgoing.url),
      attempt: number,
      order: id,
      signal: attempt.signal,
      maxWait: settled.maxWait,
      deadlineAt,
      timeout: settled.timeout,
      cost: settled.cost,
      priority: priorityOf(outgoing.passDown),
      peek: async () => (seen ? seen.peek() : ''),
      refused: () => refusal,
      waiting: (reason, duration) => tell({ type: 'wait', reason, duration }),
    }
  }

  async function observed(request: Request): Promise<Response> {
    const sentAt = Date.now()
    const waited = performance.now() - idleSince
    tell({ type: 'attempt', number, waited })
    idleSince += waited
    const response = await attempt.send(request, shared.transport ?? globalThis.fetch, settled.timeout)
    const duration = performance.now() - idleSince
    idleSince += duration
    clock.observe(response.headers, sentAt, Date.now())
    tell({ type: 'response', number, status: response.status, duration })
    const noticed = settled.version?.seen(response.headers, outgoing.url)
    if (noticed) tell({ type: 'version', ...noticed })
    if (hidesLimits(response) && shared.firstTime(outgoing.url.origin)) tell(HIDDEN)
    return response
  }

  // ---- its answer: follow, ask with other credentials, come back later ----

  function redirects(answer: SharedAnswer): boolean {
    return outgoing.redirect !== 'manual' && (answer.opaque || isRedirect(answer.status))
  }

  async function redirected({ opaque, headers, status }: SharedAnswer): Promise<boolean> {
    const places = strategies.flatMap((strategy) => strategy.places)
    const { guardNativeRedirect, nextHop } = await import('./http/next-hop.ts').catch(() => {
      throw refused(outgoing.url, 'The part of Latchkey that follows it could not be loaded. Try again.')
    })
    if (opaque) {
      guardNativeRedirect(outgoing, places, outgoing.redirect, settled.crossOrigin)
      outgoing = { ...outgoing, followNatively: true }
      return true
    }
    const crossOrigin = settled.crossOrigin ?? (strategies.length ? 'error' : 'strip')
    const hop = nextHop(headers, status, outgoing, crossOrigin, places, hops + 1)
    if (!hop) return false
    hops++
    tell({ type: 'replay', number, reason: 'redirect' })
    const next = { ...outgoing, ...hop }
    if (hop.stripped) strategies = []
    goTo(hop.stripped ? { ...next, fields: { ...next.fields, credentials: 'omit' } } : next)
    return true
  }

  function goTo(next: Outgoing): void {
    outgoing = next
    scope = scopeOf(next.url.origin, strategies)
    clock = shared.clockOf(next.url.origin)
  }

  // Asked first, because nearly always the answer is no, and each step that waits costs a turn.
  function answersBack(): boolean {
    return attempt.offset !== undefined || strategies.some((strategy) => strategy.onResponse)
  }

  function fails(answer: SharedAnswer): boolean {
    return (
      answer.status >= 400 || refusal !== undefined || (answer.status > 0 && settled.retry.shouldRetry !== undefined)
    )
  }

  async function replayed(answer: SharedAnswer): Promise<boolean> {
    const reasons: (ReplayReason | void | false)[] = []
    for (const strategy of strategies)
      if (strategy.onResponse)
        reasons.push(await abortable(Promise.resolve(strategy.onResponse(answer, attempt)), attempt.signal))
    reasons.push((await skewed(answer, reasons.includes('clock_skew'))) && 'clock_skew')
    const reason = reasons.find((candidate) => candidate && !honoured.includes(candidate))
    if (!reason || !outgoing.content.replayable) return false
    honoured.push(reason)
    tell({ type: 'replay', number, reason })
    return true
  }

  /** The credentials told a time that the answer proves wrong, or the clock of the user's that is asked where the answer is silent. */
  async function skewed({ status, headers }: SharedAnswer, told: boolean): Promise<boolean> {
    const { offset, signal } = attempt
    if (offset === undefined || !(told || [400, 401, 403].includes(status))) return false
    if (settled.clock && !honoured.includes('clock_skew') && dateOf(headers) === undefined)
      clock.learn(await abortable(settled.clock(outgoing.url.origin, signal), signal).catch(() => Number.NaN))
    if (!clock.known() && (told || status !== 400) && shared.firstTime(`clock of ${outgoing.url.origin}`))
      tell({ type: 'warning', code: 'clock_unknown' })
    return Math.abs(clock.now() - Date.now() - offset) > SKEW
  }

  async function retried(answer: SharedAnswer): Promise<boolean> {
    const outcome = await outcomeOf(answer, settled.retry, refusal)
    return again({ ...outcome, response: async () => new Response((await answer.peek()) || null, answer) })
  }

  async function again(outcome: Outcome): Promise<boolean> {
    if (!outgoing.content.replayable) return false
    const repeatable =
      settled.idempotencyKey !== undefined || settled.retry.methods.includes(outgoing.method.toLowerCase())
    patience ??= createPatience(settled.retry, settled.maxWait, deadlineAt)
    const delay = await patience.delay(outcome, repeatable, shared.budgetOf(scope))
    if (delay === undefined) return false
    const { reason, status } = outcome
    tell({ type: 'retry', number, delay, reason, ...(status && { status }) })
    if (outcome.verdict === 'throttled') notBefore = performance.now() + delay
    else await sleep(delay, asked.signal)
    return true
  }

  function tell(event: RequestEvent): void {
    shared.onEvent?.({ id, method: outgoing.method, url: publicUrl(outgoing.url), ...event })
  }
}
