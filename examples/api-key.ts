// An API key in a header. Run: API_URL=… API_KEY=… node examples/api-key.ts
import { apiKey, createClient } from 'latchkey'

const { API_URL = '', API_KEY = '' } = process.env

const api = createClient({ baseUrl: API_URL, auth: apiKey({ name: 'X-API-Key', value: API_KEY }) })
console.log(await api.get('users/42').json<{ name: string }>())
