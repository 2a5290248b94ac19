import { utf8 } from '../crypto/bytes.ts'
import { LatchkeyError } from '../errors.ts'
import type { Bytes } from '../types.ts'
import { WebhookError } from './webhook-error.ts'

/** What came in, where the framework gives no Request. */
export interface Delivery {
  /** Default `'POST'`. */
  readonly method?: string
  /** As the sender knows it, for schemes that cover it. */
  readonly url?: string | URL
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>
  /** The content as it came, before anything parsed it. */
  readonly body: string | Uint8Array
}

/** The same, in one form. */
export interface Received {
  readonly method: string
  readonly url: URL
  readonly headers: Headers
  readonly body: Bytes
}

/**
 * Reads the content of a Request, which is used afterwards.
 * @throws WebhookError `content_unreadable`; LatchkeyError `invalid_option`
 */
export async function receive(delivery: Request | Delivery): Promise<Received> {
  const { method = 'POST', url = 'https://webhook.invalid/' } = delivery
  // Not `instanceof`: frameworks bring a Request of their own.
  const body = 'arrayBuffer' in delivery ? await read(delivery) : bytesOf(delivery.body)
  return { method, url: urlOf(url), headers: headersOf(delivery.headers), body }
}

async function read(request: Request): Promise<Bytes> {
  try {
    return new Uint8Array(await request.arrayBuffer())
  } catch {
    throw new WebhookError(
      'content_unreadable',
      'The content of the Request was read before, or broke off. Verify first, and use the `body` that comes back.',
    )
  }
}

function bytesOf(body: string | Uint8Array): Bytes {
  if (typeof body === 'string') return utf8(body)
  if (body instanceof Uint8Array) return new Uint8Array(body)
  throw new LatchkeyError(
    'invalid_option',
    '`body` must be the content as it came, text or bytes: parsed and written anew, it has another signature.',
  )
}

function urlOf(url: string | URL): URL {
  try {
    return new URL(url)
  } catch {
    throw new LatchkeyError('invalid_option', '`url` must be the whole URL, as the sender knows it.')
  }
}

function headersOf(source: Delivery['headers']): Headers {
  if (Symbol.iterator in Object(source)) return new Headers(source as Headers)
  const headers = new Headers()
  for (const [name, value] of Object.entries(source ?? {}))
    for (const one of [value ?? []].flat()) {
      try {
        headers.append(name, one)
      } catch {
        // No field of HTTP, e.g. `:path` of HTTP/2: nothing that was signed.
      }
    }
  return headers
}
