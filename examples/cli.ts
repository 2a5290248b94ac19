// A command-line tool that stays signed in: the session rests in a sealed file, its key in the system's keychain.
// Run: API_URL=… ISSUER=… CLIENT_ID=… node examples/cli.ts [login | whoami | logout]
import { createClient, LatchkeyError } from 'latchkey'
import { deviceCode } from 'latchkey/oauth'
import { keychainStore } from 'latchkey/storage/keychain'

const { API_URL = '', ISSUER = '', CLIENT_ID = '' } = process.env

const store = keychainStore({ service: 'example-cli' })
const login = deviceCode({
  issuer: ISSUER,
  clientId: CLIENT_ID,
  scope: 'openid offline_access orders:read',
  prompt: ({ verificationUri, userCode }) => console.log(`Open ${verificationUri} on any device and type ${userCode}`),
  store,
})
const api = createClient({ baseUrl: API_URL, auth: login })

const commands: Record<string, () => Promise<unknown>> = {
  async login() {
    if (!(await login.signedIn())) await login.signIn()
    console.log('You are signed in.')
  },
  async whoami() {
    console.log((await api.get('users/me').json<{ name: string }>()).name)
  },
  async logout() {
    await login.signOut()
    console.log('You are signed out.')
  },
}

const command = commands[process.argv[2] ?? 'whoami']
try {
  if (command) await command()
  else console.error(`Commands: ${Object.keys(commands).join(', ')}`)
} catch (error) {
  if (!(error instanceof LatchkeyError)) throw error
  // The message says what to do, and holds no secret.
  console.error(error.code === 'interaction_required' ? 'Sign in first: login' : error.message)
  process.exitCode = 1
} finally {
  await store.close()
}
