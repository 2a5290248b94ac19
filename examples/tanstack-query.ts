// TanStack Query keeps what was fetched; Latchkey decides when and how to try again. Run: API_URL=… API_KEY=… node examples/tanstack-query.ts
import { QueryClient } from '@tanstack/query-core'
import { apiKey, createClient } from 'latchkey'

const { API_URL = '', API_KEY = '' } = process.env

const api = createClient({ baseUrl: API_URL, auth: apiKey({ name: 'X-API-Key', value: API_KEY }) })
// Two layers that both repeat would multiply: one of them has to leave it.
const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } })

// The signal ends a wait for the rate limit too, as soon as nobody is interested any longer.
const user = (id: string) => ({
  queryKey: ['users', id],
  queryFn: ({ signal }: { signal: AbortSignal }) => api.get(`users/${id}`, { signal }).json<{ name: string }>(),
  staleTime: 60_000,
})
const [first, again] = await Promise.all([queries.fetchQuery(user('42')), queries.fetchQuery(user('42'))])
console.log(first, again === first)
queries.clear()
