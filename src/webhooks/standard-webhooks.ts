import type { Credential } from '../credential.ts'
import { reveal } from '../secret.ts'
import { type SecretOptions, type Webhook, webhook } from './webhook.ts'

export interface StandardWebhooksOptions extends SecretOptions {
  /** What the names of the headers begin with; `'svix'` for senders from before the standard. Default `'webhook'`. */
  prefix?: string
}

/**
 * Standard Webhooks (symmetric, `v1`): id, timestamp and content, joined with dots; the secret is base64 after `whsec_`.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function standardWebhooks({ secret, tolerance, prefix = 'webhook' }: StandardWebhooksOptions): Webhook {
  return webhook({
    ...(tolerance !== undefined && { tolerance }),
    secret: [secret].flat().map((one) => bare(one as Credential)),
    secretEncoding: 'base64',
    hash: 'sha256',
    encoding: 'base64',
    timestamp: (headers) => headers.get(`${prefix}-timestamp`),
    message: ({ headers, timestamp, body }) => [`${headers.get(`${prefix}-id`) ?? ''}.${timestamp}.`, body],
    signatures: (headers) =>
      (headers.get(`${prefix}-signature`) ?? '')
        .split(' ')
        .flatMap((one) => (one.startsWith('v1,') ? one.slice(3) : [])),
  })
}

function bare(secret: Credential): Credential {
  const strip = (text: unknown): string => (typeof text === 'string' ? text.replace(/^whsec_/, '') : '')
  if (typeof secret !== 'function') return strip(reveal(secret))
  return async () => strip(reveal(await secret()))
}
