// A program without a browser: the user signs in on another device. Run: API_URL=… ISSUER=… CLIENT_ID=… node examples/device-login.ts
import { createClient } from 'latchkey'
import { deviceCode } from 'latchkey/oauth'

const { API_URL = '', ISSUER = '', CLIENT_ID = '' } = process.env

const login = deviceCode({
  issuer: ISSUER,
  clientId: CLIENT_ID,
  scope: 'openid orders:read',
  prompt: ({ verificationUri, userCode }) => console.log(`Open ${verificationUri} on any device and type ${userCode}`),
})
await login.signIn()

const api = createClient({ baseUrl: API_URL, auth: login })
console.log(await api.get('users/42').json<{ name: string }>())
await login.signOut()
