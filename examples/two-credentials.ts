// The application's key and the user's token on the same request. Run: API_URL=… API_KEY=… API_TOKEN=… node examples/two-credentials.ts
import { apiKey, bearer, createClient } from 'latchkey'

const { API_URL = '', API_KEY = '', API_TOKEN = '' } = process.env

const api = createClient({ baseUrl: API_URL, auth: [apiKey({ name: 'X-API-Key', value: API_KEY }), bearer(API_TOKEN)] })
console.log(await api.get('users/42').json<{ name: string }>())
