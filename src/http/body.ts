import { LatchkeyError } from '../errors.ts'
import type { BodyInit } from '../platform.ts'
import type { Bytes } from '../types.ts'
import { encodedForm } from './form.ts'

/** What a caller may give as content: everything fetch takes, and a function that opens a stream anew. */
export type BodySource = BodyInit | (() => ReadableStream<Uint8Array>) | null | undefined

/** The content of one request: its source is remembered, and made again for each attempt. */
export interface Content {
  readonly present: boolean
  /** False when another attempt is impossible: the source was a stream and has been used. */
  readonly replayable: boolean
  /** The media type, where the source knows it better than fetch would. */
  readonly type?: string | undefined
  /** A body for one attempt. */
  make(): BodyInit | undefined
  /** The final bytes, read once; from then on every attempt sends exactly these. */
  bytes(): Promise<{ content: Content; bytes: Bytes }>
}

export const noContent: Content = {
  present: false,
  replayable: true,
  make: () => undefined,
  bytes: async () => ({ content: noContent, bytes: new Uint8Array() }),
}

export function contentOf(source: BodySource, type?: string): Content {
  if (source === null || source === undefined) return noContent
  if (typeof source === 'function') return stream(source, true)
  if (source instanceof ReadableStream) return stream(once(source), false)
  if (source instanceof FormData) return contentOf(encodedForm(source), type)
  return {
    present: true,
    replayable: true,
    type,
    make: () => source,
    async bytes() {
      // fetch alone knows the form encodings, so it makes the bytes, and the media type that belongs to them.
      const encoded = new Response(source)
      const bytes = new Uint8Array(await encoded.arrayBuffer())
      return { content: fixed(bytes, type ?? encoded.headers.get('content-type')), bytes }
    },
  }
}

/** Content that is exactly these bytes. */
export function fixed(bytes: Bytes, type: string | null | undefined): Content {
  const content: Content = {
    present: true,
    replayable: true,
    type: type ?? undefined,
    make: () => bytes,
    bytes: async () => ({ content, bytes }),
  }
  return content
}

/** Takes the content out of a Request: up to `max` bytes are kept for further attempts, beyond it the stream is one-shot. */
export async function takeContent(request: Request, max: number): Promise<Content> {
  if (!request.body) return noContent
  if (request.body.locked || request.bodyUsed) throw usedUp()
  const type = request.headers.get('content-type')
  const reader = request.body.getReader()
  const beginning = await readUpTo(reader, max)
  return beginning.ended
    ? fixed(new Uint8Array(await new Blob(beginning.chunks).arrayBuffer()), type)
    : stream(once(resumed(beginning, reader)), false)
}

/** The beginning of a stream. */
export interface Beginning {
  readonly chunks: Bytes[]
  /** That was all of it. */
  readonly ended: boolean
  /** What was asked of the reader and has not come yet. */
  readonly next?: ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>
}

/** Reads at most about `max` bytes; with `late`, what comes before that settles, and before the stream breaks. */
export async function readUpTo(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  max: number,
  late?: Promise<undefined>,
): Promise<Beginning> {
  const chunks: Bytes[] = []
  for (let length = 0; length <= max; ) {
    const next = reader.read()
    const read = await (late ? Promise.race([next, late]).catch(() => undefined) : next)
    if (!read) return { chunks, ended: false, next }
    if (read.done) return { chunks, ended: true }
    chunks.push(read.value as Bytes)
    length += read.value.length
  }
  return { chunks, ended: false }
}

/** A stream of what was read already and what is still to come. */
export function resumed(
  { chunks, next }: Beginning,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  const first = [...chunks]
  let pending = next
  return new ReadableStream({
    async pull(controller) {
      const chunk = first.shift()
      if (chunk) return controller.enqueue(chunk)
      const { done, value } = await (pending ?? reader.read())
      pending = undefined
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

function stream(open: () => ReadableStream<Uint8Array>, replayable: boolean): Content {
  return {
    present: true,
    replayable,
    make: open,
    bytes() {
      throw new LatchkeyError(
        'body_not_replayable',
        'A signature over the content needs all of it before the request leaves. Give bytes, a Blob or a string, not a stream.',
      )
    },
  }
}

function once(source: ReadableStream<Uint8Array>): () => ReadableStream<Uint8Array> {
  let used = false
  return () => {
    if (used || source.locked) throw usedUp()
    used = true
    return source
  }
}

function usedUp(): LatchkeyError {
  return new LatchkeyError(
    'body_not_replayable',
    'The content is a stream that was already used. Give `body: () => stream` to allow another attempt.',
  )
}
