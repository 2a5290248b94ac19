// A token endpoint by hand, with the habits that servers have in rotating refresh tokens, and the API its tokens are for.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Fault } from './authorization.ts'

/**
 * `strict`: a used one ends the family. `grace`: for a while a used one gives again what it gave. `previous`: good until its successor is used.
 * `still`: never rotates, and says so. `omits`: never rotates, and gives no refresh token. `burns`: used up also by a request that fails.
 */
export type Habit = 'strict' | 'grace' | 'previous' | 'still' | 'omits' | 'burns'

export interface RotatingServer {
  readonly issuer: string
  readonly first: string
  habit: Habit
  /** Seconds new access tokens live; the API is as strict. */
  lifetime: number
  /** Milliseconds of the reuse window of `grace`. */
  window: number
  /** Asks for a DPoP nonce only after the refresh token was used up. */
  nonceAfterUse: boolean
  /** Milliseconds before an answer of the token endpoint. */
  slow: number
  /** What is in each token response beside the tokens, or in place of them. */
  extra: Record<string, unknown>
  /** The next token requests meet these, one each; `after` when the server has already done its part. */
  readonly faults: Fault[]
  readonly after: Fault[]
  readonly tokenRequests: { form: URLSearchParams; headers: IncomingMessage['headers']; at: number }[]
  readonly revoked: string[]
  /** `error` codes of the token endpoint, in their order. */
  readonly refusals: string[]
  /** How often the API said 200 and 401. */
  readonly served: { good: number; bad: number }
  dead: boolean
  close(): void
}

export async function rotatingServer(): Promise<RotatingServer> {
  const used = new Map<string, { at: number; gave: string }>()
  const before = new Map<string, string>()
  const access = new Map<string, number>()
  let count = 0
  let current = 'refresh-0'
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const state: RotatingServer = {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    first: current,
    habit: 'strict',
    lifetime: 600,
    window: 5000,
    nonceAfterUse: false,
    slow: 0,
    extra: {},
    faults: [],
    after: [],
    tokenRequests: [],
    revoked: [],
    refusals: [],
    served: { good: 0, bad: 0 },
    dead: false,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  server.on('request', async (request, response) => {
    const form = new URLSearchParams(await text(request))
    if (request.url === '/.well-known/openid-configuration')
      return json(response, 200, {
        issuer: state.issuer,
        token_endpoint: `${state.issuer}/token`,
        revocation_endpoint: `${state.issuer}/revoke`,
      })
    if (request.url === '/token') return token(request, response, form)
    if (request.url === '/revoke') {
      state.revoked.push(form.get('token') ?? '')
      return json(response, 200, {})
    }
    const bearer = (request.headers.authorization ?? '').replace('Bearer ', '')
    const good = (access.get(bearer) ?? 0) > Date.now()
    state.served[good ? 'good' : 'bad']++
    if (good) return json(response, 200, { bearer })
    response.setHeader('www-authenticate', 'Bearer error="invalid_token"')
    json(response, 401, {})
  })
  return state

  async function token(request: IncomingMessage, response: ServerResponse, form: URLSearchParams): Promise<void> {
    state.tokenRequests.push({ form, headers: request.headers, at: Date.now() })
    const fault = state.faults.shift()
    if (fault) {
      if (state.habit === 'burns') spend(form.get('refresh_token') ?? '')
      return fault(response)
    }
    const wantsNonce = state.nonceAfterUse && !proofOf(request).includes('"nonce":"n')
    const given = spend(form.get('refresh_token') ?? '')
    if (state.slow) await new Promise((resolve) => setTimeout(resolve, state.slow))
    const late = state.after.shift()
    if (late) return late(response)
    if (state.nonceAfterUse) response.setHeader('dpop-nonce', `n${count}`)
    if (wantsNonce) return json(response, 400, { error: 'use_dpop_nonce' })
    if (given === undefined) {
      state.refusals.push('invalid_grant')
      return json(response, 400, { error: 'invalid_grant' })
    }
    const accessToken = `access-${++count}`
    access.set(accessToken, Date.now() + state.lifetime * 1000)
    json(response, 200, {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: state.lifetime,
      ...(state.habit !== 'omits' && { refresh_token: given }),
      ...state.extra,
    })
  }

  /** The next refresh token, or undefined when this one is not good. */
  function spend(given: string): string | undefined {
    if (state.dead) return undefined
    if (state.habit === 'still' || state.habit === 'omits') return given === current ? current : undefined
    const again = used.get(given)
    if (again) {
      if (state.habit === 'grace' && Date.now() - again.at < state.window) return again.gave
      if (state.habit === 'previous' && before.get(current) === given) return renew(given)
      state.dead = state.habit !== 'burns'
      return undefined
    }
    return given === current ? renew(given) : undefined
  }

  function renew(given: string): string {
    current = `refresh-${++count}`
    before.set(current, given)
    used.set(given, { at: Date.now(), gave: current })
    return current
  }
}

function proofOf({ headers: { dpop } }: IncomingMessage): string {
  return Buffer.from(String(dpop ?? '').split('.')[1] ?? '', 'base64url').toString()
}

async function text(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += chunk
  return body
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
