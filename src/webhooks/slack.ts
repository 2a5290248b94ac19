import { type SecretOptions, type Webhook, webhook } from './webhook.ts'

/**
 * Slack (`v0`): timestamp and content, joined with colons; the secret is the app's signing secret.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function slack(options: SecretOptions): Webhook {
  return webhook({
    ...options,
    hash: 'sha256',
    encoding: 'hex',
    timestamp: (headers) => headers.get('x-slack-request-timestamp'),
    message: ({ timestamp, body }) => [`v0:${timestamp}:`, body],
    signatures: (headers) => /^v0=(.+)$/.exec(headers.get('x-slack-signature') ?? '')?.[1] ?? null,
  })
}
