// A grant that needs nobody: a token of it can be had again at any time, so that losing one costs a request.
import { LatchkeyError } from '../errors.ts'
import type { AccessToken, AuthStrategy, Awaitable, CredentialStore, TokenSource } from '../types.ts'
import type { Ask, OAuthClient } from './client.ts'
import { bound, createProver, type Nonces } from './dpop.ts'
import { createRenewal, patiently } from './renewal.ts'
import { grantStrategy, type StepUp } from './strategy.ts'
import { accessToken } from './token-endpoint.ts'
import { keptIn } from './token-store.ts'

export interface RepeatableOptions {
  /** Space-separated scopes. Default: what the server gives. */
  scope?: string
  /** The resource the token is for (RFC 8707). */
  resource?: string
  /** What some servers want in place of `resource`. */
  audience?: string
  /** Keeps the token where other instances find it, e.g. a sealed store. Default: in this object only. */
  store?: CredentialStore
  /** Binds the token to a key and proves it with each request (RFC 9449). Default false. */
  dpop?: boolean
  /** Names the quota scope. No secret. Default: an opaque name of its own. */
  identity?: string
  /** Asked when a resource wants more than the token allows: `{ scope }` gets a token with it, true sends the request once more, and else the caller gets the answer. */
  onChallenge?: (challenge: StepUp) => Awaitable<boolean | { scope: string } | void>
}

/** @throws LatchkeyError `invalid_option` */
export function repeatableGrant(
  client: OAuthClient,
  name: string,
  options: RepeatableOptions,
  request: (parameters: URLSearchParams) => Awaitable<Ask>,
): AuthStrategy & TokenSource {
  const { resource, audience, store, dpop = false, onChallenge } = options
  if (typeof dpop !== 'boolean') throw new LatchkeyError('invalid_option', '`dpop` must be true or false.')
  let { scope } = options
  // Everything that makes a token another one is in its name, so that no two clients can share by accident.
  const nameNow = () =>
    `oauth ${JSON.stringify([client.server.name, client.id, sorted(scope), resource, audience, name, dpop])}`
  const nonces: Nonces = new Map()
  const prover = dpop
    ? createProver((keys) => (store ? keys.keyIn(store, nameNow()) : keys.newKey(false)), nonces)
    : undefined

  const once = async (): Promise<AccessToken> => {
    const parameters = new URLSearchParams()
    for (const [field, value] of Object.entries({ scope, resource, audience })) if (value) parameters.set(field, value)
    const send = await client.ready()
    return accessToken(await send(await request(parameters), { prover }))
  }
  const source = createRenewal(async (replaced, report) => {
    const obtain = () => patiently(once, () => true)
    const given = store ? await keptIn(store, nameNow(), obtain)(replaced, report) : { token: await obtain() }
    return prover ? { ...given, token: bound(given.token, prover) } : given
  })
  return grantStrategy(source, {
    ...options,
    nonces: dpop ? nonces : undefined,
    onChallenge:
      onChallenge &&
      (async (challenge) => {
        const answer = await onChallenge(challenge)
        if (typeof answer !== 'object') return answer
        scope = answer.scope
        source.forget()
        return true
      }),
  })
}

function sorted(scope: string | undefined): string | undefined {
  return scope?.split(' ').filter(Boolean).sort().join(' ')
}
