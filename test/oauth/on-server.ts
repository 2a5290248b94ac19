import { onTestFinished } from 'vitest'
import { type ClientEvent, createClient, memoryStore } from '../../src/index.ts'
import { type RefreshTokenOptions, refreshToken } from '../../src/oauth/oauth.ts'
import type { SessionRecord } from '../../src/oauth/record.ts'
import type { CredentialStore } from '../../src/types.ts'
import { type RotatingServer, rotatingServer } from '../servers/rotating.ts'

type Opened = { login: ReturnType<typeof refreshToken>; client: ReturnType<typeof createClient>; events: ClientEvent[] }

/** A rotating server and a session on it. `open` gives others that share a store. */
export async function onServer(
  options: Partial<RefreshTokenOptions> = {},
  server: Partial<RotatingServer> = {},
): Promise<
  Opened & {
    as: RotatingServer
    store: CredentialStore
    id: string
    stored(): Promise<SessionRecord>
    open(store: CredentialStore, more?: Partial<RefreshTokenOptions>): Opened
  }
> {
  const as = Object.assign(await rotatingServer(), server)
  onTestFinished(as.close)
  const store = options.store ?? memoryStore()
  const id = `oauth ${JSON.stringify([as.issuer, 'app', 'refresh_token', undefined])}`
  const open = (shared: CredentialStore, more: Partial<RefreshTokenOptions> = {}): Opened => {
    const given = { issuer: as.issuer, clientId: 'app', refreshToken: as.first, ...options, ...more, store: shared }
    const login = refreshToken(given)
    const events: ClientEvent[] = []
    const onEvent = (event: ClientEvent) => void events.push(event)
    return { login, client: createClient({ baseUrl: as.issuer, auth: login, onEvent, timeout: false }), events }
  }
  const stored = async () => {
    const entry = await store.get(id)
    return entry && JSON.parse(new TextDecoder().decode(entry.value))
  }
  return { as, store, id, stored, open, ...open(store) }
}
