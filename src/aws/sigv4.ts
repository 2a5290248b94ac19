import type { AuthStrategy } from '../types.ts'
import { type AwsStrategyOptions, checkOptions } from './options.ts'
import { createSigner } from './signing-key.ts'
import { type Algorithm, strategy } from './strategy.ts'

export interface SigV4Options extends AwsStrategyOptions {
  /** E.g. `'eu-central-1'`. */
  region: string
}

/**
 * AWS Signature Version 4 in the Authorization header: each attempt is signed anew, over the request as it leaves.
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `credential_invalid`
 * @example
 * sigv4({ service: 's3', region: 'eu-central-1', credentials: { accessKeyId, secretAccessKey } })
 */
export function sigv4(options: SigV4Options): AuthStrategy {
  checkOptions(options, { region: options.region })
  return strategy(options, hmacSha256(options.region, options.service))
}

export function hmacSha256(region: string, service: string): Algorithm {
  return {
    name: 'AWS4-HMAC-SHA256',
    scope: `${region}/${service}/aws4_request`,
    sign: createSigner(region, service),
  }
}
