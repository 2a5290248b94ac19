// A service with a client id and a secret of its own. Run: API_URL=… ISSUER=… CLIENT_ID=… CLIENT_SECRET=… node examples/service.ts
import { createClient } from 'latchkey'
import { clientCredentials } from 'latchkey/oauth'

const { API_URL = '', ISSUER = '', CLIENT_ID = '', CLIENT_SECRET = '' } = process.env

const api = createClient({
  baseUrl: API_URL,
  auth: clientCredentials({ issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }),
})
console.log(await api.get('users/42').json<{ name: string }>())
