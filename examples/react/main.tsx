import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { login } from './api.ts'
import { App } from './app.tsx'

// Latchkey repeats what may be repeated; a second layer would multiply it.
const queries = new QueryClient({ defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false } } })

// Back from the authorization server: the code is exchanged once, and gone from the address bar.
if (location.pathname === '/callback') {
  const { returnTo = '/' } = await login.complete(location.href)
  history.replaceState(null, '', returnTo)
}

createRoot(document.getElementById('app') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
)
