// A password that is never sent. Run: API_URL=… API_USER=… API_PASSWORD=… node examples/digest.ts
import { createClient } from 'latchkey'
import { digest } from 'latchkey/auth/digest'

const { API_URL = '', API_USER = '', API_PASSWORD = '' } = process.env

const api = createClient({ baseUrl: API_URL, auth: digest({ username: API_USER, password: API_PASSWORD }) })
console.log(await api.get('users/42').json<{ name: string }>())
