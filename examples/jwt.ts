// A token that this program signs itself, as service accounts and GitHub Apps do. Run: API_URL=… JWT_KEY=… node examples/jwt.ts
import { createClient } from 'latchkey'
import { jwt } from 'latchkey/auth/jwt'

const { API_URL = '', JWT_KEY = '' } = process.env

const api = createClient({
  baseUrl: API_URL,
  auth: jwt({ algorithm: 'ES256', key: JWT_KEY, claims: ({ origin }) => ({ iss: 'me', aud: origin }) }),
})
console.log(await api.get('users/42').json<{ name: string }>())
