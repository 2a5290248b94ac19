// A token that rotates: the function is asked for each attempt. Run: API_URL=… API_TOKEN=… node examples/bearer.ts
import { bearer, createClient, Secret } from 'latchkey'

const { API_URL = '', API_TOKEN = '' } = process.env

const api = createClient({ baseUrl: API_URL, auth: bearer(async () => new Secret(API_TOKEN)) })
console.log(await api.get('users/42').json<{ name: string }>())
