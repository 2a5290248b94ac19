import type { AsyncEntry } from '@napi-rs/keyring'
import { StoreError } from '../../errors.ts'
import { abortable, isTimeout } from '../../timing.ts'
import type { Bytes } from '../../types.ts'

/** The keychain of this platform. Where a library could choose another one by itself, it is pinned. */
export const BACKEND: string =
  { darwin: 'keychain', win32: 'credential-manager' }[process.platform as string] ?? 'secret-service'

/** Small secrets of one application, by account. */
export interface Secrets {
  /** undefined only when there is none; a keychain that cannot be asked rejects. */
  read(account: string): Promise<Bytes | undefined>
  write(account: string, secret: Bytes): Promise<void>
  remove(account: string): Promise<void>
}

/** The service's secrets through `@napi-rs/keyring`, each call bounded by `timeout` milliseconds. */
export async function secretsOf(service: string, timeout: number): Promise<Secrets> {
  const { AsyncEntry: Entry } = await binding()
  const calling = async <T>(account: string, work: (entry: AsyncEntry) => Promise<T>): Promise<T> => {
    try {
      // The default falls back to the kernel's keyring, which is gone at the next start.
      const entry = new Entry(service, account, { linux: { store: 'secret-service' } })
      return await abortable(work(entry), AbortSignal.timeout(timeout))
    } catch (error) {
      throw storeError(error, timeout)
    }
  }
  return {
    read: (account) =>
      calling(account, async (entry) => {
        const secret = await entry.getSecret()
        return secret ? Uint8Array.from(secret) : undefined
      }),
    write: (account, secret) => calling(account, (entry) => entry.setSecret(secret)),
    remove: (account) => calling(account, (entry) => entry.deleteCredential()).then(() => {}),
  }
}

async function binding(): Promise<typeof import('@napi-rs/keyring')> {
  try {
    return await import('@napi-rs/keyring')
  } catch {
    throw new StoreError(
      'unavailable',
      BACKEND,
      '`@napi-rs/keyring` is missing here. Run: npm install @napi-rs/keyring@2',
    )
  }
}

/** What the keychain said, in our words: it has no codes, and its own may quote names. */
function storeError(error: unknown, timeout: number): StoreError {
  const said = error instanceof Error ? error.message : ''
  if (isTimeout(error)) {
    return new StoreError(
      'locked',
      BACKEND,
      `The keychain did not answer within ${timeout} ms: it may be asking for its password.`,
    )
  }
  if (/no result found|no default|no such collection/i.test(said)) {
    return new StoreError(
      'unavailable',
      BACKEND,
      'The keychain service runs, but holds no keychain yet. Sign in to the desktop once, or unlock one: gnome-keyring-daemon --unlock.',
    )
  }
  if (/dismissed|\blocked\b|cancell?ed|not allowed|couldn't access|access denied/i.test(said)) {
    return new StoreError('locked', BACKEND, 'The keychain is locked. Unlock it and try again; nothing was changed.')
  }
  return new StoreError(
    'unavailable',
    BACKEND,
    'There is no keychain here: no desktop session, or no service on its bus. Use sqliteStore with a `key` on machines without one.',
  )
}
