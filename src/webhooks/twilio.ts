import { fromUtf8, hex, utf8 } from '../crypto/bytes.ts'
import { equal } from '../crypto/equal.ts'
import { digest } from '../crypto/hash.ts'
import { isForm } from '../hmac/canonical.ts'
import type { Facts } from '../hmac/facts.ts'
import { parseUrl } from '../http/origin.ts'
import { receive } from './delivery.ts'
import { type SecretOptions, type Webhook, webhook } from './webhook.ts'
import { WebhookError } from './webhook-error.ts'

export interface TwilioOptions extends Omit<SecretOptions, 'tolerance'> {
  /** The public origin that Twilio calls, e.g. `'https://hooks.example.com'`, where a proxy hides it. Default: that of the delivery's URL. */
  origin?: string
}

/**
 * Twilio: `X-Twilio-Signature` over the URL and the sorted form, or over the URL with the hash of other content; the secret is the auth token.
 *
 * The scheme has no timestamp.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function twilio({ secret, origin }: TwilioOptions): Webhook {
  if (origin !== undefined) parseUrl(origin, 'origin')
  // The sender writes the scheme's own port sometimes, and sometimes not.
  const [plain, ported] = [false, true].map((withPort) =>
    webhook({
      secret,
      hash: 'sha1',
      encoding: 'base64',
      message: async (facts) => urlOf(facts.url, origin, withPort) + (await contentOf(facts)),
      signatures: (headers) => headers.get('x-twilio-signature'),
    }),
  ) as [Webhook, Webhook]
  return {
    async verify(delivery) {
      const received = await receive(delivery)
      try {
        return await plain.verify(received)
      } catch (error) {
        if (!(error instanceof WebhookError) || error.code !== 'signature_invalid') throw error
        return ported.verify(received)
      }
    },
  }
}

function urlOf(url: URL, origin: string | undefined, withPort: boolean): string {
  const { protocol, hostname, port } = new URL(origin ?? url)
  const usual = protocol === 'http:' ? '80' : '443'
  const written = withPort === (port === '') ? `:${port || usual}` : ''
  return `${protocol}//${hostname}${written}${url.pathname}${url.search}`
}

async function contentOf({ headers, body, url }: Facts): Promise<string> {
  if (isForm(headers.get('content-type'))) {
    const parameters = new URLSearchParams(fromUtf8(body))
    const names = [...new Set(parameters.keys())].sort()
    return names
      .map((name) =>
        [...new Set(parameters.getAll(name))]
          .sort()
          .map((value) => name + value)
          .join(''),
      )
      .join('')
  }
  const claimed = url.searchParams.get('bodySHA256') ?? ''
  // Without it nothing would cover the content.
  if (body.length && !equal(utf8(hex(await digest('sha256', body))), utf8(claimed)))
    throw new WebhookError('signature_invalid', 'The content has another hash than `bodySHA256` of the URL says.')
  return ''
}
