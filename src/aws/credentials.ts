import { type Credential, checkCredential, fitForHeader, notEmpty, readCredential, unavailable } from '../credential.ts'
import { CredentialError } from '../errors.ts'
import type { Awaitable, Provided } from '../types.ts'

/** An access key, in the words of the AWS SDKs: what their credential providers give fits. */
export interface AwsCredentials {
  readonly accessKeyId: Credential
  readonly secretAccessKey: Credential
  /** Of temporary credentials. Default none. */
  readonly sessionToken?: Credential | undefined
}

/** The texts, as they were for one signature. */
export interface AccessKey {
  readonly id: string
  readonly secret: string
  readonly token: string | undefined
}

/** @throws CredentialError `credential_invalid` */
export function checkCredentials(source: Provided<AwsCredentials>): void {
  if (typeof source === 'function') return
  const { accessKeyId, secretAccessKey, sessionToken } = present(source)
  checkCredential(accessKeyId, 'accessKeyId', fitForHeader)
  checkCredential(secretAccessKey, 'secretAccessKey', notEmpty)
  if (sessionToken !== undefined) checkCredential(sessionToken, 'sessionToken', fitForHeader)
}

/**
 * Asked for each signature. What is known is given at once.
 * @throws CredentialError `credential_invalid`, `credential_unavailable`
 */
export function readCredentials(source: Provided<AwsCredentials>): Awaitable<AccessKey> {
  return typeof source === 'function' ? provided(source) : read(present(source))
}

async function provided(source: () => Awaitable<AwsCredentials>): Promise<AccessKey> {
  let given: AwsCredentials
  try {
    given = await source()
  } catch (error) {
    throw unavailable(error, 'credentials')
  }
  return read(present(given))
}

function read({ accessKeyId, secretAccessKey, sessionToken }: AwsCredentials): Awaitable<AccessKey> {
  const id = readCredential(accessKeyId, 'accessKeyId', fitForHeader)
  const secret = readCredential(secretAccessKey, 'secretAccessKey')
  const token = sessionToken === undefined ? sessionToken : readCredential(sessionToken, 'sessionToken', fitForHeader)
  if (typeof id === 'string' && typeof secret === 'string' && typeof token !== 'object') return { id, secret, token }
  return Promise.all([id, secret, token]).then(([id, secret, token]) => ({ id, secret, token }))
}

function present(given: AwsCredentials): AwsCredentials {
  if (typeof given !== 'object' || given === null)
    throw new CredentialError(
      'credential_invalid',
      '`credentials` must be { accessKeyId, secretAccessKey }, or a function that gives it.',
    )
  return given
}
