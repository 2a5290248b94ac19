import type { AuthStrategy } from '../../types.ts'
import { concat, digest, hmac, type KeyOptions, type NonceFormat, utf8 } from '../hmac.ts'

export interface KrakenOptions extends KeyOptions {
  /** Default `'increasing-ms'`. Each must be higher than all before, whoever used the key. */
  nonce?: NonceFormat
}

/**
 * Kraken: HMAC-SHA512 over path and hash of nonce and form; the nonce is a form parameter, the secret base64.
 *
 * The server refuses a nonce that arrives after a higher one: set `limits: [{ concurrent: 1 }]`, or a nonce window on the key.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function kraken({ nonce = 'increasing-ms', ...key }: KrakenOptions): AuthStrategy {
  return hmac({
    ...key,
    secretEncoding: 'base64',
    hash: 'sha512',
    encoding: 'base64',
    nonce,
    prepare: (facts) => ({ form: { nonce: facts.nonce } }),
    message: async (facts) => [facts.path, await digest('sha256', concat(utf8(facts.nonce), facts.body))],
    place: ({ keyId, signature }) => ({ headers: { 'API-Key': keyId, 'API-Sign': signature } }),
  })
}
