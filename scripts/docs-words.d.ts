// What a block of the documentation may take as given: each is shown once, in the first of them.
import type { AuthStrategy, Client, CredentialStore } from 'latchkey'

declare global {
  const createClient: typeof import('latchkey').createClient
  const createFetch: typeof import('latchkey/fetch').createFetch
  const apiKey: typeof import('latchkey').apiKey
  const bearer: typeof import('latchkey').bearer
  const api: Client
  const auth: AuthStrategy
  const store: CredentialStore
  const baseUrl: string
  const issuer: string
  const clientId: string
  const clientSecret: string
  const redirectUri: string
  const key: Uint8Array
  const keyId: string
  const secret: string
  const token: string
  const value: string
  const handle: (event: unknown) => void
  interface User {
    readonly id: number
    readonly name: string
  }
}
