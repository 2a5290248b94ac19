import { type SecretOptions, type Webhook, webhook } from './webhook.ts'

/**
 * GitHub: `sha256=…` in `X-Hub-Signature-256` over the content.
 *
 * The scheme has no timestamp: remember `X-GitHub-Delivery` and treat a second one as done.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function github(options: Omit<SecretOptions, 'tolerance'>): Webhook {
  return webhook({
    ...options,
    hash: 'sha256',
    encoding: 'hex',
    message: ({ body }) => body,
    signatures: (headers) => /^sha256=(.+)$/.exec(headers.get('x-hub-signature-256') ?? '')?.[1] ?? null,
  })
}
