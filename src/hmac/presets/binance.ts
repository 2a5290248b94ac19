import type { AuthStrategy } from '../../types.ts'
import { hmac, type KeyOptions } from '../hmac.ts'

export interface BinanceOptions extends KeyOptions {
  /** Where timestamp and signature go; `'form'` for endpoints that take their parameters as content. Default `'query'`. */
  in?: 'query' | 'form'
  /** How long the request stays valid, in milliseconds. Default: the server's, 5000. */
  recvWindow?: number
}

/**
 * Binance and the exchanges that copied it: HMAC-SHA256 over query and content, without anything between them.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function binance({ in: where = 'query', recvWindow, ...key }: BinanceOptions): AuthStrategy {
  return hmac({
    ...key,
    hash: 'sha256',
    encoding: 'hex',
    timestamp: 'ms',
    prepare: ({ timestamp }) => ({ [where]: { recvWindow: recvWindow?.toString(), timestamp } }),
    message: ({ query, body }) => [query, body],
    place: ({ keyId, signature }) => ({ headers: { 'X-MBX-APIKEY': keyId }, [where]: { signature } }),
    serverTime: async (answer) => answer.status === 400 && /"code": ?-1021\b/.test(await answer.peek()),
  })
}
