// A user name and a password. Run: API_URL=… API_USER=… API_PASSWORD=… node examples/basic.ts
import { basic, createClient } from 'latchkey'

const { API_URL = '', API_USER = '', API_PASSWORD = '' } = process.env

const api = createClient({ baseUrl: API_URL, auth: basic({ username: API_USER, password: API_PASSWORD }) })
console.log(await api.get('users/42').json<{ name: string }>())
