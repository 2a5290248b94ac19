import { type SecretOptions, type Webhook, webhook } from './webhook.ts'

/**
 * Stripe: `t=…,v1=…` in `Stripe-Signature` over timestamp and content; the whole text of the secret is the key, `whsec_` too.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function stripe(options: SecretOptions): Webhook {
  return webhook({
    ...options,
    hash: 'sha256',
    encoding: 'hex',
    timestamp: (headers) => fields(headers, 't')[0] ?? null,
    message: ({ timestamp, body }) => [timestamp, '.', body],
    signatures: (headers) => fields(headers, 'v1'),
  })
}

function fields(headers: Headers, name: string): string[] {
  const all = (headers.get('stripe-signature') ?? '').split(',').map((field) => field.trim())
  return all.flatMap((field) => (field.startsWith(`${name}=`) ? field.slice(name.length + 1) : []))
}
