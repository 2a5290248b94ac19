// RFC 8252, section 7.3: a program signs a user in by the browser of the machine, which comes back to a port that is open only for that.
import { spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LatchkeyError, OAuthError } from '../errors.ts'
import { memoryStore } from '../storage/memory.ts'
import { abortable, LONGEST_TIMER } from '../timing.ts'
import type { Awaitable } from '../types.ts'
import { type Accounts, accounts } from './accounts.ts'
import { createAuthorization } from './authorization.ts'
import { type AuthorizationOptions, checkAuthorizationOptions, type StartOptions } from './authorization-options.ts'
import { type ClientOptions, createOAuthClient } from './client.ts'
import type { Login, SessionGrantOptions } from './login.ts'
import { sessionGrant } from './session-grant.ts'
import { untilAborted } from './until-aborted.ts'

export interface LoopbackOptions extends ClientOptions, SessionGrantOptions, AuthorizationOptions {
  /** As registered at the server: some take only the one, some only the other. Default `'127.0.0.1'`. */
  host?: '127.0.0.1' | 'localhost' | '::1'
  /** Default 0: any that is free. Servers let it vary (RFC 8252, section 7.3). */
  port?: number
  /** Default `'/callback'`. */
  path?: string
  /** Opens the URL, or shows it to the user. Default: the browser of the machine. */
  open?: (url: string) => Awaitable<void>
  /** Milliseconds that the user has. Default 300 000. */
  timeout?: number
  /** The page that the user sees when all is done, as HTML. Default: that the window may be closed. */
  page?: string
}

/** A session that begins in the browser of this machine. */
export interface LoopbackLogin extends Login {
  /**
   * Opens the browser, and waits until the user has signed in.
   * @throws OAuthError `interaction_required` when nobody did in time or the user refused; `callback_invalid`, `issuer_invalid`, `token_unavailable`, `client_misconfigured`
   * @throws the signal's reason
   */
  signIn(options?: Asked): Promise<void>
}

type Asked = Omit<StartOptions, 'returnTo' | 'popup'> & { signal?: AbortSignal }

/**
 * Signs a user in by the browser of the machine (RFC 8252), always with PKCE. Call `signIn()`, and give the object as `auth`; with `store`
 * the session outlives the program.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`, `insecure_url`
 * @throws OAuthError from requests: `interaction_required` (nobody is signed in), `session_ended` (sign in again), `token_unavailable`
 *   (try later), `client_misconfigured`, `issuer_invalid`
 * @throws StoreError from requests
 */
export function loopback(options: LoopbackOptions): Accounts<LoopbackLogin> {
  const { host = '127.0.0.1', port = 0, path = '/callback', timeout = 300_000 } = options
  const { open = openBrowser, page = 'You are signed in. You may close this window.' } = options
  if (!['127.0.0.1', 'localhost', '::1'].includes(host))
    throw new LatchkeyError(
      'invalid_option',
      "`host` must be '127.0.0.1', 'localhost' or '::1': nobody else may answer.",
    )
  if (!/^\/[^?#]*$/.test(path)) throw new LatchkeyError('invalid_option', "`path` must be one such as '/callback'.")
  if (typeof open !== 'function') throw new LatchkeyError('invalid_option', '`open` must be a function.')
  if (!(timeout > 0 && timeout <= LONGEST_TIMER))
    throw new LatchkeyError('invalid_option', `\`timeout\` must be milliseconds, from 1 to ${LONGEST_TIMER}.`)
  checkAuthorizationOptions(options)
  const client = createOAuthClient(options)

  return accounts(options.store ?? memoryStore(), (store, account) => {
    const grant = sessionGrant(client, 'loopback', { ...options, store, account })
    const authorization = createAuthorization(client, grant, options)
    return { ...grant.login, signIn: (asked = {}) => untilAborted(grant, asked.signal, () => signIn(asked)) }

    async function signIn({ signal, ...asked }: Asked): Promise<void> {
      const server = createServer()
      const timer = new AbortController()
      const ends = signal ? AbortSignal.any([signal, timer.signal]) : timer.signal
      const clock = setTimeout(() => timer.abort(tooLate(timeout)), timeout)
      try {
        const authority = await listening(server, host, port)
        const { url, state } = await abortable(authorization.start(`http://${authority}${path}`, asked), ends)
        const answer = answered(server, authority, path, state)
        // Whatever opening takes or says later, what counts is who comes back.
        const opened = Promise.resolve(open(url)).then(() => new Promise<never>(() => {}))
        const { target, response } = await abortable(Promise.race([answer, opened]), ends)
        server.close()
        await authorization.complete(target, signal).then(
          () => show(response, 200, page),
          (error) => {
            show(response, 400, 'Nobody was signed in. Go back to the program to see why.')
            throw error
          },
        )
      } finally {
        clearTimeout(clock)
        server.close()
        server.closeIdleConnections()
      }
    }
  })
}

function listening(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', () =>
      reject(new LatchkeyError('invalid_option', `Port ${port} of ${host} cannot be listened at. Leave \`port\` out.`)),
    )
    server.listen(port, host, () => {
      const { port: actual } = server.address() as AddressInfo
      resolve(`${host.includes(':') ? `[${host}]` : host}:${actual}`)
    })
  })
}

/** The one request that answers the sign-in. Whatever else comes to this port changes nothing. */
function answered(
  server: Server,
  authority: string,
  path: string,
  state: string,
): Promise<{ target: URL; response: ServerResponse }> {
  return new Promise((resolve) => {
    let taken = false
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const target = new URL(request.url ?? '', `http://${authority}`)
      // Another name for this machine is a page elsewhere that plays it (DNS rebinding).
      if (target.pathname !== path || request.headers.host !== authority) return show(response, 404, 'Not found.')
      if (request.method !== 'GET') return show(response, 405, 'Only GET.')
      if (taken || target.searchParams.get('state') !== state) return show(response, 400, 'This answers no sign-in.')
      taken = true
      resolve({ target, response })
    })
  })
}

function show(response: ServerResponse, status: number, page: string): void {
  response
    .writeHead(status, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
      connection: 'close',
    })
    .end(`<!doctype html>${page}`)
}

function tooLate(timeout: number): OAuthError {
  return new OAuthError('interaction_required', `Nobody signed in within ${Math.ceil(timeout / 1000)} s. Try again.`)
}

const OPENERS: Record<string, readonly [string, ...string[]]> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}

/** No shell sees the URL. */
function openBrowser(url: string): Promise<void> {
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open']
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true })
    child.once('error', () =>
      reject(
        new OAuthError(
          'interaction_required',
          `No browser could be opened (${program}). Give \`open\`, e.g. a function that shows the URL, or use \`deviceCode()\`.`,
        ),
      ),
    )
    child.once('spawn', () => {
      child.unref()
      resolve()
    })
  })
}
