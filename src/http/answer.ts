import type { Answer } from '../types.ts'
import { readUpTo, resumed } from './body.ts'
import { carryOn } from './explanation.ts'

const PEEK = 64 * 1024

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

export function shareAnswer(original: Response, url: URL): SharedAnswer {
  // As fetch shows it, without the fragment.
  const shownUrl = url.hash ? url.href.slice(0, -url.hash.length) : url.href
  let response = original
  let peeked: Promise<string> | undefined
  let whole: Blob | undefined
  return {
    original,
    status: original.status,
    headers: original.headers,
    opaque: original.type === 'opaqueredirect',
    url,
    peek,
    async content(most = PEEK) {
      await peek()
      if (!whole && most > PEEK) await read(most)
      return whole && new Uint8Array(await whole.arrayBuffer())
    },
    response: () => (peeked ? peeked.then(shown) : shown()),
    // A short body is read to its end, which keeps the connection for the next attempt; a long one is given up.
    discard: () =>
      void peek()
        .then(() => response.body?.cancel(), ignore)
        .catch(ignore),
  }

  function shown(): Response {
    return response.url && response.url !== shownUrl ? showAs(response, shownUrl) : response
  }

  function peek(): Promise<string> {
    peeked ??= read(PEEK)
    return peeked
  }

  async function read(most: number): Promise<string> {
    if (!response.body) {
      whole = new Blob()
      return ''
    }
    const reader = response.body.getReader()
    const { chunks, ended } = await readUpTo(reader, most)
    const start = new Blob(chunks)
    if (ended) whole = start
    response = rebuilt(original, ended ? start : resumed(chunks, reader))
    return start.slice(0, PEEK).text()
  }
}

function ignore(): void {}

/** The same head with another body; fetch gives no way to keep the URL but this. */
function rebuilt(response: Response, body: BodyInit): Response {
  const { status, statusText, headers, url } = response
  return carryOn(response, showAs(new Response(body, { status, statusText, headers }), url))
}

function showAs(response: Response, url: string): Response {
  const clone = response.clone
  return Object.defineProperties(response, {
    url: { value: url, configurable: true },
    clone: { value: () => carryOn(response, showAs(clone.call(response), url)), configurable: true },
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
