import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { api, login, type Order } from './api.ts'
import { Live } from './live.tsx'

/** Who is signed in; also when another tab changes that. */
function useUser(): string | undefined {
  const [user, setUser] = useState<string>()
  useEffect(() => {
    const read = () => login.claims().then((claims) => setUser(claims?.sub as string | undefined))
    void read()
    return login.onSignInChange(() => void read())
  }, [])
  return user
}

export function App() {
  const user = useUser()
  return (
    <main>
      <header>
        <h1>Orders</h1>
        {user ? (
          <p>
            <span id="user">{user}</span>{' '}
            <button type="button" onClick={signOut}>
              Sign out
            </button>
          </p>
        ) : (
          <button type="button" className="primary" onClick={signIn}>
            Sign in
          </button>
        )}
      </header>
      {user ? <Orders /> : <p className="empty">Sign in to see your orders.</p>}
      <Live />
    </main>
  )
}

async function signIn() {
  location.assign(await login.start({ returnTo: location.pathname }))
}

async function signOut() {
  const { url } = await login.signOut({ returnTo: new URL('/', location.origin) })
  if (url) location.assign(url)
}

function Orders() {
  const queries = useQueryClient()
  const { data, error, isFetching } = useQuery({
    queryKey: ['orders'],
    queryFn: ({ signal }) => api.get('orders', { signal }).json<Order[]>(),
  })
  // More than the API allows at once: nothing is lost, it only takes as long as the API says.
  const loadAll = () =>
    Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        queries.fetchQuery({
          queryKey: ['order', index + 1, Date.now()],
          queryFn: ({ signal }) => api.get(`orders/${index + 1}`, { signal }).json<Order>(),
        }),
      ),
    )
  if (error) return <p className="error">{error.message}</p>
  return (
    <section>
      <table>
        <tbody>
          {data?.slice(0, 5).map(({ id, item, total }) => (
            <tr key={id}>
              <td>{id}</td>
              <td>{item}</td>
              <td>{total.toFixed(2)} €</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        <button type="button" onClick={() => queries.invalidateQueries({ queryKey: ['orders'] })} disabled={isFetching}>
          Reload
        </button>{' '}
        <button type="button" id="all" className="primary" onClick={() => void loadAll()}>
          Load 60 at once
        </button>
      </p>
    </section>
  )
}
