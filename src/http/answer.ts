import { LONGEST_TIMER, sleep, timedOut } from '../timing.ts'
import type { Answer } from '../types.ts'
import { type Beginning, readUpTo, resumed } from './body.ts'
import { carryOn } from './explanation.ts'

const PEEK = 64 * 1024
// Milliseconds in which what is looked into has to come: a body that stalls must not hold anybody back.
const PATIENCE = 1000

/** An answer that several may look into, and whose Response still reaches the caller unread. */
export interface SharedAnswer extends Answer {
  /** As it came. Its body may be taken. */
  readonly original: Response
  /** A redirect that the platform hides from scripts. */
  readonly opaque: boolean
  /** The Response for the caller: what was read is put back, and the URL is the one it may see. */
  response(): Response | Promise<Response>
  /** The caller will get another answer: frees the connection. */
  discard(): void
}

/** `timeout` is how many milliseconds the whole content may take, where it is asked for; `hops` counts the redirects before. */
export function shareAnswer(original: Response, url: URL, timeout: number, hops = 0): SharedAnswer {
  // As fetch shows it, without the fragment.
  const shownUrl = url.hash ? url.href.slice(0, -url.hash.length) : url.href
  let response = original
  let start = new Blob()
  let whole = false
  let peeked: Promise<string> | undefined
  return {
    original,
    status: original.status,
    headers: original.headers,
    opaque: original.type === 'opaqueredirect',
    url,
    peek,
    async content(most = PEEK) {
      await peek()
      const missing = whole || start.size > most ? undefined : (await read(most, timeout))?.next
      if (!missing) return whole ? new Uint8Array(await start.arrayBuffer()) : undefined
      // Its own failure says more, where it has one.
      await Promise.race([missing, sleep(0)])
      throw timedOut(timeout)
    },
    response: () => (peeked ? peeked.then(shown) : shown()),
    // A short body is read to its end, which keeps the connection for the next attempt; a long one is given up.
    discard: () =>
      void peek()
        .then(() => response.body?.cancel(), ignore)
        .catch(ignore),
  }

  function shown(): Response {
    const { url, type, redirected } = response
    return (url && url !== shownUrl) || hops
      ? showAs(response, { url: url && shownUrl, type, redirected: redirected || hops > 0 })
      : response
  }

  function peek(): Promise<string> {
    peeked ??= read(PEEK, PATIENCE).then(() => start.slice(0, PEEK).text())
    return peeked
  }

  async function read(most: number, patience: number): Promise<Beginning | undefined> {
    if (!response.body) {
      whole = true
      return undefined
    }
    const reader = response.body.getReader()
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), Math.min(patience, LONGEST_TIMER))
    })
    const beginning = await readUpTo(reader, most, late)
    clearTimeout(timer)
    start = new Blob(beginning.chunks)
    whole = beginning.ended
    response = rebuilt(original, whole ? start : resumed(beginning, reader))
    return beginning
  }
}

function ignore(): void {}

/** What only fetch itself can give to a Response. */
type Shown = Pick<Response, 'url' | 'type' | 'redirected'>

/** The same head with another body; fetch gives no way to keep the rest but this. */
function rebuilt(response: Response, body: BodyInit): Response {
  const { status, statusText, headers, url, type, redirected } = response
  return carryOn(response, showAs(new Response(body, { status, statusText, headers }), { url, type, redirected }))
}

function showAs(response: Response, shown: Shown): Response {
  const { clone } = response
  const { url, type, redirected } = shown
  return Object.defineProperties(response, {
    url: { value: url, configurable: true },
    type: { value: type, configurable: true },
    redirected: { value: redirected, configurable: true },
    clone: { value: () => carryOn(response, showAs(clone.call(response), shown)), configurable: true },
  })
}

/** The same answer; `done` is called once its body has been read, given up, or broken off. */
export function whenEnded(response: Response, done: () => void): Response {
  if (!response.body) {
    done()
    return response
  }
  const reader = response.body.getReader()
  const body = new ReadableStream({
    async pull(controller) {
      const chunk = await reader.read().catch((error) => {
        done()
        throw error
      })
      if (!chunk.done) return controller.enqueue(chunk.value)
      done()
      controller.close()
    },
    cancel(reason) {
      done()
      return reader.cancel(reason)
    },
  })
  return rebuilt(response, body)
}
