import type { Credential } from '../../credential.ts'
import type { AuthStrategy } from '../../types.ts'
import { base64Digest, derived } from '../canonical.ts'
import { base64, type Facts, hmac, type NonceFormat, utf8 } from '../hmac.ts'

/** The names of an `.edgerc` file. */
export interface EdgeGridOptions {
  clientToken: Credential
  clientSecret: Credential
  accessToken: Credential
  /** Headers the API wants covered, in its order. Default none. */
  headersToSign?: readonly string[]
  /** How many bytes of a POST are covered. Default 131072. */
  maxBody?: number
  /** Default `'uuid'`. */
  nonce?: NonceFormat
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

/**
 * Akamai EdgeGrid (`EG1-HMAC-SHA256`): HMAC-SHA256 under a key derived from the timestamp.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function edgeGrid(options: EdgeGridOptions): AuthStrategy {
  const {
    clientToken,
    clientSecret,
    accessToken,
    headersToSign = [],
    maxBody = 131_072,
    nonce = 'uuid',
    identity,
  } = options
  const unsigned = (facts: Facts<{ accessToken: string }>): string =>
    `EG1-HMAC-SHA256 client_token=${facts.keyId};access_token=${facts.credentials.accessToken};timestamp=${facts.timestamp};nonce=${facts.nonce};`
  return hmac({
    ...(identity && { identity }),
    keyId: clientToken,
    secret: clientSecret,
    credentials: { accessToken },
    hash: 'sha256',
    encoding: 'base64',
    timestamp: (now) => `${new Date(now).toISOString().slice(0, 19).replaceAll('-', '')}+0000`,
    nonce,
    // The base64 text of the MAC is the key, not its bytes.
    key: async (secret, { timestamp }) => utf8(base64(await derived(secret, timestamp))),
    async message(facts) {
      const { method, scheme, host, target, headers, body } = facts
      const covered = headersToSign.flatMap((name) => {
        const value = headers.get(name)
        return value === null ? [] : [`${name.toLowerCase()}:${value.replace(/\s+/g, ' ')}`]
      })
      const hash = method === 'POST' && body.length ? await base64Digest('sha256', body.slice(0, maxBody)) : ''
      return [method, scheme, host, target, covered.join('\t'), hash, unsigned(facts)].join('\t')
    },
    place: (facts) => ({ headers: { authorization: `${unsigned(facts)}signature=${facts.signature}` } }),
  })
}
