// The whole of what an application writes: who signs in, where the session rests, and which API.
import { type ClientEvent, createClient } from 'latchkey'
import { authorizationCode } from 'latchkey/oauth'
import { indexedDbStore } from 'latchkey/storage/indexed-db'
import { emit } from './traffic.ts'

const { VITE_ISSUER: issuer, VITE_API: baseUrl } = import.meta.env

export const login = authorizationCode({
  issuer,
  clientId: 'orders-app',
  redirectUri: new URL('/callback', location.origin),
  scope: 'openid orders:read',
  store: indexedDbStore('orders-app'),
  dpop: true,
})

export const api = createClient({ baseUrl, auth: login, onEvent: (event: ClientEvent) => emit(event) })

export interface Order {
  readonly id: number
  readonly item: string
  readonly total: number
}
