// A grant that somebody took part in: what it was given is kept as a session, renewed by all who share the store, and ended.
import { LatchkeyError, type OAuthError } from '../errors.ts'
import type { AccessToken, AuthStrategy, CredentialStore, TokenSource } from '../types.ts'
import type { OAuthClient, Reply } from './client.ts'
import { bound, createProver, keyId, type Nonces, type Prover, proofKeys } from './dpop.ts'
import { formRequest } from './form-request.ts'
import { keepFresh } from './keep-fresh.ts'
import type { Login, SessionGrantOptions, TokenWish } from './login.ts'
import { claimsOf, type Obtained, type SessionRecord, settled } from './record.ts'
import { createRenewal, type Given, patiently, type Renewal } from './renewal.ts'
import { revoked } from './revocation.ts'
import { createSession } from './session.ts'
import { onSignInChange } from './sign-in-changes.ts'
import type { Asked } from './spend.ts'
import { grantStrategy } from './strategy.ts'
import { invalidIssuer } from './verdict.ts'
import { watched } from './watched.ts'

/**
 * What a grant builds on. It only has to get a token response:
 *
 *     const grant = sessionGrant(client, 'login', options)
 *     const session = await grant.newSession()               // keep it with `state` and code verifier until the user is back
 *     const send = await client.ready()
 *     const reply = await send(ask, { prover: grant.prover(session) })
 *     await grant.establish(session, reply, { check })       // throws when it is no token, or its ID token not right
 *     return { ...grant.login, start, complete }             // everything in it is a closure and may be spread
 *
 * From then on `login` gives tokens, renews them, and says `session_ended` or `interaction_required` when the user is needed again.
 */
export interface SessionGrant {
  readonly login: Login
  readonly store: CredentialStore
  /** Of the session's record. What else the grant keeps, such as a sign-in under way, goes under `${id} <name>`. */
  readonly id: string
  /** What the request for the first token says of it: its resource, where there are several (RFC 8707, section 2.2). */
  readonly first: URLSearchParams
  /** Name of a session that is about to begin, no secret; with `dpop`, its key is made. @throws StoreError */
  newSession(): Promise<string>
  /** Proves the key of that session; undefined without `dpop`. `thumbprint()` gives `dpop_jkt`. */
  prover(session: string): Prover | undefined
  /**
   * Makes a token response the session, once what only the grant knows of its ID token is checked. Where it has no `scope`, what was
   * asked for was granted (RFC 6749, section 5.1). Tokens that become no session, as when it is aborted, are revoked.
   * @throws OAuthError, StoreError, the signal's reason
   */
  establish(session: string, reply: Reply, asked: Established): Promise<void>
  read(): Promise<SessionRecord | undefined>
  /** Of a session that did not begin, the key is forgotten. */
  discard(session: string): Promise<void>
  /** `signOut()`, with the record that was removed. */
  end(): Promise<{ readonly record: SessionRecord | undefined; readonly revoked: boolean }>
}

interface Established {
  /** Throws when that is not the ID token it must be. */
  check(idToken: string | undefined): Promise<void>
  /** Where it is not the grant's. */
  readonly scope?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** What only some grants have. */
export interface SessionHooks {
  /** Asked before a token is taken from the record: a session in its place, or undefined to leave it. May take long; never runs under the lock. */
  begin?(current: SessionRecord | undefined): Promise<SessionRecord | undefined>
}

/**
 * `name` is part of the record's id: grants of one client, account and store with the same name share one session. `account` tells
 * the sessions of several users apart; `accounts()` makes a grant for each.
 * @throws LatchkeyError `invalid_option`
 */
export function sessionGrant(
  client: OAuthClient,
  name: string,
  options: SessionGrantOptions & { store: CredentialStore; account?: string | undefined },
  { begin }: SessionHooks = {},
): SessionGrant {
  const { account, identity, onChallenge, dpop = false } = options
  if (typeof dpop !== 'boolean') throw new LatchkeyError('invalid_option', '`dpop` must be true or false.')
  const resources = [options.resource ?? []].flat()
  const id = `oauth ${JSON.stringify([client.server.name, client.id, name, account])}`
  const { store, changed } = watched(options.store)
  const nonces: Nonces = new Map()
  const renewals = new Map<string, Renewal>()
  const sessionOf = new WeakMap<AccessToken, string>()
  let last: { readonly session: string; readonly prover: Prover } | undefined

  const engine = createSession({
    store,
    id,
    ...(begin && { begin }),
    async prepare() {
      const send = await client.ready()
      if (dpop) await proofKeys()
      const { issuer, token_endpoint: endpoint = '' } = await client.server.metadata()
      return async ({ session, refreshToken = '', nonce, issuer: own = issuer }, { parameters }, timeout) => {
        if (own !== issuer) throw invalidIssuer('The session is of another authorization server: sign in again.')
        const prover = grant.prover(session)
        if (nonce) prover?.learn(endpoint, new Headers({ 'dpop-nonce': nonce }))
        return send(
          formRequest('token_endpoint', { grant_type: 'refresh_token', refresh_token: refreshToken }, parameters),
          { prover, timeout },
        )
      }
    },
    abandon: (record) => void revoked(client, record),
  })

  const grant: SessionGrant = {
    id,
    store,
    first: wanted({}).parameters,
    async newSession() {
      const session = crypto.randomUUID()
      await grant.prover(session)?.thumbprint()
      return session
    },
    prover(session) {
      if (!dpop) return undefined
      if (last?.session !== session)
        last = { session, prover: createProver((keys) => keys.keyIn(store, `${id} ${session}`), nonces) }
      return last.prover
    },
    async establish(session, reply, { check, scope = options.scope, signal }) {
      const answer = { status: reply.status, text: reply.text, receivedAt: Date.now(), asked: wanted({}).name }
      const { record, token, error } = settled({ format: 1, session, tokens: {}, issuedAt: 0 }, answer, reply.headers)
      try {
        if (error) throw error
        await check(record.idToken)
        signal?.throwIfAborted()
        const granted = token?.scope ?? scope
        const { issuer } = await client.server.metadata()
        const before = await engine.establish({ ...record, issuer, ...(granted !== undefined && { scope: granted }) })
        forget()
        if (before && before.session !== session) await dropKey(before.session)
      } catch (failure) {
        // What can be tried again may still become a session.
        if (!(failure as Partial<OAuthError>)?.retryable) void revoked(client, record)
        throw failure
      }
    },
    read: () => engine.read(),
    discard: dropKey,
    async end() {
      const record = await engine.end()
      forget()
      if (record) await dropKey(record.session)
      return { record, revoked: record !== undefined && (await revoked(client, record)) }
    },
    login: {
      ...strategyFor({}),
      async signedIn() {
        const record = await engine.read()
        if (!record) return begin !== undefined
        const living = ({ expiresAt }: { expiresAt?: number }) => expiresAt === undefined || expiresAt > Date.now()
        return record.refreshToken !== undefined || Object.values(record.tokens).some(living)
      },
      signOut: async () => ({ revoked: (await grant.end()).revoked }),
      for: strategyFor,
      async claims() {
        const idToken = (await engine.read())?.idToken
        return idToken === undefined ? undefined : claimsOf(idToken)
      },
      onSignInChange: (listener) => onSignInChange(store, id, grant.login.signedIn, listener),
      changed,
      dispose: () => stop?.(),
    },
  }
  const stop = options.keepFresh ? keepFresh(grant.login) : undefined
  return grant

  function strategyFor(wish: TokenWish): AuthStrategy & TokenSource {
    const asked = wanted(wish)
    const renewal =
      renewals.get(asked.name) ??
      createRenewal(
        (refused, report) => patiently(async () => proved(await engine.obtain(asked, refused, report)), wasAnswered),
        async (held) => {
          const { session, token } = await engine.look(asked)
          if (session !== undefined && token) return proved({ session, token }).token
          // What is held lasts to its end, unless somebody else has signed in.
          return sessionOf.get(held) === session ? held : undefined
        },
      )
    renewals.set(asked.name, renewal)
    const source: TokenSource = {
      ...renewal,
      async renew(refused, challenge, context) {
        if (!(await renewal.renew(refused, challenge, context))) return false
        const session = begin ? undefined : sessionOf.get(refused)
        // What somebody asked for is not sent once more as somebody else.
        return session === undefined || sessionOf.get(await renewal.token(context)) === session
      },
    }
    const named = identity && account !== undefined ? `${identity} ${account}` : identity
    return grantStrategy(source, { identity: named, nonces: dpop ? nonces : undefined, onChallenge })
  }

  function wanted({ scope, resource = resources[0] }: TokenWish): Asked {
    if (resource !== undefined && !resources.includes(resource))
      throw new LatchkeyError(
        'invalid_option',
        `The session is not for ${resource}: some servers end it when asked. Add it to \`resource\`, and sign in again.`,
      )
    const parameters = new URLSearchParams()
    const sorted = scope?.split(' ').filter(Boolean).sort().join(' ')
    if (sorted) parameters.set('scope', sorted)
    if (resource) parameters.set('resource', resource)
    // What was granted is known of the first resource only.
    return { name: JSON.stringify([sorted, resource]), parameters, ...(resource === resources[0] && { scope: sorted }) }
  }

  function proved({ session, token, found = false }: Obtained): Given {
    const prover = grant.prover(session)
    const given = prover ? bound(token, prover) : token
    sessionOf.set(given, session)
    return { token: given, found }
  }

  function forget(): void {
    for (const renewal of renewals.values()) renewal.forget()
  }

  async function dropKey(session: string): Promise<void> {
    if (dpop) await store.delete(keyId(`${id} ${session}`)).catch(() => {})
  }
}

/** Without an answer, a refresh token may have been spent. */
function wasAnswered({ status, retryAt }: OAuthError): boolean {
  return status !== undefined || retryAt !== undefined
}
