// openapi-fetch keeps its face and types, and gets our pipeline. Run: API_URL=… API_KEY=… node examples/openapi-fetch.ts
import { apiKey, createFetch } from 'latchkey/fetch'
import createOpenApiClient from 'openapi-fetch'

interface paths {
  '/users/{id}': {
    get: {
      parameters: { path: { id: string } }
      responses: { 200: { content: { 'application/json': { name: string } } } }
    }
  }
}
const { API_URL = '', API_KEY = '' } = process.env

const fetch = createFetch({ origins: [API_URL], auth: apiKey({ name: 'X-API-Key', value: API_KEY }) })
const { data, response } = await createOpenApiClient<paths>({ baseUrl: API_URL, fetch }).GET('/users/{id}', {
  params: { path: { id: '42' } },
})
// It throws nothing: an answer that is none is told by its status.
console.log(data ?? `The API said ${response.status}.`)
