import { utf8 } from '../crypto/bytes.ts'
import type { Mac } from '../crypto/hash.ts'
import { LatchkeyError } from '../errors.ts'
import type { Attempt, Bytes } from '../types.ts'

/** What a scheme may sign and send: facts of the final request of this attempt. */
export interface Facts<Read = object> {
  /** In the format of the options. */
  readonly timestamp: string
  /** The same instant in milliseconds since the epoch, by the server's clock. */
  readonly now: number
  /** Empty unless the options ask for one. */
  readonly nonce: string
  /** Empty unless the options give one. */
  readonly keyId: string
  /** The other credentials of the options. */
  readonly credentials: Read
  /** In upper case. */
  readonly method: string
  /** A copy. */
  readonly url: URL
  /** `'https'` or `'http'`. */
  readonly scheme: string
  /** With the port, unless it is the scheme's own: as the Host field says it. */
  readonly host: string
  /** As sent on the wire. */
  readonly path: string
  /** As sent on the wire, without the question mark. */
  readonly query: string
  /** Path and query as sent on the wire (RFC 9112, section 3.2.1). */
  readonly target: string
  /** A copy of the fields set so far; Host and those the runtime adds are not among them. */
  readonly headers: Headers
  /** The content as sent, empty where there is none. */
  readonly body: Bytes
  /** The content as UTF-8 text. Reading it throws for content that is none. */
  readonly bodyText: string
  /** Empty unless the options make one. */
  readonly canonicalRequest: string
  /** The MAC of something else, under the same key. */
  mac(data: string | Bytes): Promise<Bytes>
}

/** The facts, and the signature over them. */
export interface SignedFacts<Read = object> extends Facts<Read> {
  /** In the encoding of the options. */
  readonly signature: string
}

/** What is settled once for an attempt; the rest is read from it when asked for, so that it shows what was placed meanwhile. */
export type Settled<Read> = Pick<Facts<Read>, 'timestamp' | 'now' | 'nonce' | 'keyId' | 'credentials'>

// A byte order mark is content too, and a character that is none must not be signed as another.
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What the facts are read from: a request that leaves, or one that came in. */
type Head = Pick<Request, 'method' | 'headers'>
type Rest = Pick<Attempt, 'url' | 'body'>

export class RequestFacts<Read> implements SignedFacts<Read> {
  readonly timestamp: string
  readonly now: number
  readonly nonce: string
  readonly keyId: string
  readonly credentials: Read
  canonicalRequest = ''
  signature = ''
  readonly #request: Head
  readonly #attempt: Rest
  readonly #mac: () => Promise<Mac>

  constructor(request: Head, attempt: Rest, settled: Settled<Read>, mac: () => Promise<Mac>) {
    this.timestamp = settled.timestamp
    this.now = settled.now
    this.nonce = settled.nonce
    this.keyId = settled.keyId
    this.credentials = settled.credentials
    this.#request = request
    this.#attempt = attempt
    this.#mac = mac
    // Destructured parameters lose `this`.
    this.mac = this.mac.bind(this)
  }

  get method(): string {
    return this.#request.method
  }
  get url(): URL {
    return new URL(this.#attempt.url)
  }
  get scheme(): string {
    return this.#attempt.url.protocol.slice(0, -1)
  }
  get host(): string {
    return this.#attempt.url.host
  }
  get path(): string {
    return this.#attempt.url.pathname
  }
  get query(): string {
    return this.#attempt.url.search.slice(1)
  }
  get target(): string {
    return this.path + this.#attempt.url.search
  }
  get headers(): Headers {
    return new Headers(this.#request.headers)
  }
  get body(): Bytes {
    const { body } = this.#attempt
    if (!body) throw new LatchkeyError('invalid_option', 'The content is read, but `needsBody` is false. Leave it out.')
    return body
  }
  get bodyText(): string {
    try {
      return strict.decode(this.body)
    } catch (error) {
      if (error instanceof LatchkeyError) throw error
      throw new LatchkeyError('invalid_option', 'The content is no UTF-8 text: sign `body`, its bytes, not `bodyText`.')
    }
  }
  async mac(data: string | Bytes): Promise<Bytes> {
    return (await this.#mac())(typeof data === 'string' ? utf8(data) : data)
  }
}
