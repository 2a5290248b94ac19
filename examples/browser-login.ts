// A page whose tabs share one session, which outlives them, with browser-login.html around it. For a bundler, e.g. esbuild.
import { createClient } from 'latchkey'
import { authorizationCode, OAuthError } from 'latchkey/oauth'
import { returnToOpener, signInWithPopup } from 'latchkey/oauth/browser'
import { indexedDbStore } from 'latchkey/storage/indexed-db'

const { issuer = '', clientId = '', api: baseUrl = '' } = document.body.dataset
const login = authorizationCode({
  issuer,
  clientId,
  redirectUri: new URL('/cb', location.href),
  scope: 'openid orders:read',
  store: indexedDbStore('browser-login'),
  dpop: true,
})
const api = createClient({ baseUrl, auth: login })

on('redirect', async () => location.assign(await login.start({ returnTo: location.href })))
on('popup', () => signInWithPopup(login))
on('call', async () => show('answer', (await api.get('users/42').json<{ name: string }>()).name))
on('sign-out', async () => {
  const { url } = await login.signOut({ returnTo: new URL('/', location.href) })
  if (url) location.assign(url)
})
// Also when it happens in another tab.
login.onSignInChange(shown)

if (location.pathname === '/cb' && !(await returnToOpener())) {
  const { returnTo = '/' } = await login.complete(location.href).catch(told)
  if (returnTo !== '/') location.replace(returnTo)
}
await shown()

async function shown() {
  const claims = await login.claims()
  show('user', claims ? `Signed in as ${claims.sub}` : 'Nobody is signed in')
}

function on(id: string, task: () => unknown) {
  document.getElementById(id)?.addEventListener('click', () => Promise.resolve(task()).catch(told))
}

function show(id: string, text: string) {
  const element = document.getElementById(id)
  if (element) element.textContent = text
}

function told(error: unknown): { returnTo?: string } {
  show('answer', error instanceof OAuthError ? `${error.code}: ${error.message}` : String(error))
  return {}
}
