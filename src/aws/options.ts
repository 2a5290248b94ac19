import { TOKEN } from '../credential.ts'
import { LatchkeyError } from '../errors.ts'
import type { Provided } from '../types.ts'
import { OTHER_RULES, type PathRules, S3_RULES } from './canonical-request.ts'
import { type AwsCredentials, checkCredentials } from './credentials.ts'

/** What every signature needs to know. */
export interface AwsOptions {
  /** The signing name of the service, e.g. `'s3'`, `'execute-api'`, `'es'`, `'lambda'`. */
  service: string
  /** A value, or a function asked for each signature, such as a provider of the AWS SDK. */
  credentials: Provided<AwsCredentials>
  /** The path rules of S3: encoded once, and not normalized. Default: true for the services of the S3 family. */
  s3?: boolean
  /** For the WebSocket gateway of IoT, which wants the session token added after signing. Default false. */
  unsignedSessionToken?: boolean
}

export interface AwsStrategyOptions extends AwsOptions {
  /** Headers to sign beside host, content-type, content-md5 and all `x-amz-…`, e.g. `['range']`. Default none. */
  signedHeaders?: readonly string[]
  /** Leaves the content out of the signature, so that it may be a stream. S3 takes it over https. Default false. */
  unsignedPayload?: boolean
  /** Sends the hash of the content in `x-amz-content-sha256`. Default: true for S3, OpenSearch Serverless and Glacier, which ask for it. */
  contentSha256?: boolean
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
}

const S3_FAMILY = /^s3(-outposts|-object-lambda|express)?$/

export function rulesOf({ service, s3 = S3_FAMILY.test(service) }: { service: string; s3?: boolean }): PathRules {
  return s3 ? S3_RULES : OTHER_RULES
}

/**
 * Refuses what cannot work, before anything is sent.
 * @throws LatchkeyError `invalid_option`
 * @throws CredentialError `credential_invalid`
 */
export function checkOptions(options: AwsOptions, scope: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries({ ...scope, service: options.service }))
    if (typeof value !== 'string' || !/^[\w.*,-]+$/.test(value))
      throw invalid(`\`${name}\` must be a name such as '${EXAMPLES[name]}': it is part of what is signed.`)
  checkCredentials(options.credentials)
}

const EXAMPLES: Readonly<Record<string, string>> = { service: 's3', region: 'eu-central-1', regionSet: '*' }

// What the runtime writes or hides by itself can not be signed by us.
const UNSIGNABLE =
  /^(host|authorization|connection|content-length|cookie|date|expect|te|trailer|transfer-encoding|upgrade|via|proxy-.*|sec-.*)$/

/** The names in lower case. @throws LatchkeyError `invalid_option` */
export function namesOf(headers: readonly string[]): readonly string[] {
  const names = headers.map((name) => String(name).toLowerCase())
  const wrong = names.find((name) => !TOKEN.test(name) || UNSIGNABLE.test(name))
  if (wrong !== undefined)
    throw invalid('`signedHeaders` must name headers that you set and that no proxy or runtime writes, e.g. `range`.')
  return names
}

export function invalid(message: string): LatchkeyError {
  return new LatchkeyError('invalid_option', message)
}
