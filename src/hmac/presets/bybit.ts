import type { AuthStrategy } from '../../types.ts'
import { hmac, type KeyOptions } from '../hmac.ts'

export interface BybitOptions extends KeyOptions {
  /** How long the request stays valid, in milliseconds. Default 5000. */
  recvWindow?: number
}

/**
 * Bybit, version 5: HMAC-SHA256 over timestamp, key, window, and the query of a GET or the content of a POST.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function bybit({ recvWindow = 5000, ...key }: BybitOptions): AuthStrategy {
  const window = String(recvWindow)
  return hmac({
    ...key,
    hash: 'sha256',
    encoding: 'hex',
    timestamp: 'ms',
    message: ({ timestamp, keyId, method, query, body }) => [timestamp, keyId, window, method === 'GET' ? query : body],
    place: ({ keyId, timestamp, signature }) => ({
      headers: {
        'X-BAPI-API-KEY': keyId,
        'X-BAPI-TIMESTAMP': timestamp,
        'X-BAPI-RECV-WINDOW': window,
        'X-BAPI-SIGN': signature,
      },
    }),
    // With status 200.
    async serverTime(answer) {
      const text = await answer.peek()
      if (!/"retCode": ?10002\b/.test(text)) return undefined
      return Number(/server_timestamp\[(\d+)\]/.exec(text)?.[1] ?? 0) || true
    },
  })
}
