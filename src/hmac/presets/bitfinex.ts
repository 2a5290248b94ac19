import type { AuthStrategy } from '../../types.ts'
import { hmac, type KeyOptions, type NonceFormat } from '../hmac.ts'

export interface BitfinexOptions extends KeyOptions {
  /** Default `'increasing-us'`. Each must be higher than all before, whoever used the key. */
  nonce?: NonceFormat
}

/**
 * Bitfinex, version 2: HMAC-SHA384 over path, nonce and content.
 *
 * The server refuses a nonce that arrives after a higher one: set `limits: [{ concurrent: 1 }]`.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function bitfinex({ nonce = 'increasing-us', ...key }: BitfinexOptions): AuthStrategy {
  return hmac({
    ...key,
    hash: 'sha384',
    encoding: 'hex',
    nonce,
    message: (facts) => [`/api${facts.path}${facts.nonce}`, facts.body],
    place: (facts) => ({
      headers: { 'bfx-apikey': facts.keyId, 'bfx-nonce': facts.nonce, 'bfx-signature': facts.signature },
    }),
  })
}
