// A program on a machine with a browser: the user signs in there. Run: API_URL=… ISSUER=… CLIENT_ID=… node examples/loopback-login.ts
import { createClient } from 'latchkey'
import { loopback } from 'latchkey/oauth/node'

const { API_URL = '', ISSUER = '', CLIENT_ID = '' } = process.env

const login = loopback({
  issuer: ISSUER,
  clientId: CLIENT_ID,
  scope: 'openid orders:read',
  path: '/cb',
  open: (url) => console.log(`Open ${url}`), // leave it out, and the browser of the machine opens
})
await login.signIn()

const api = createClient({ baseUrl: API_URL, auth: login })
console.log(await api.get('users/42').json<{ name: string }>())
await login.signOut()
