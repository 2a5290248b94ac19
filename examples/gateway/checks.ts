// What the gateway demands of a request. Each check says what is wrong, or nothing; it trusts only what came over the wire.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { demo } from './credentials.ts'

/** A request as its bytes arrived. */
export interface Arrived {
  readonly method: string
  /** Path and query, as sent. */
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}
export type Check = (request: Arrived) => string | undefined

export const keyInHeader: Check = ({ headers }) => demand(headers['x-api-key'] === demo.key, 'X-API-Key')
export const keyInQuery: Check = ({ target }) =>
  demand(new URL(target, 'http://x').searchParams.get('api_key') === demo.key, 'api_key')
export const keyInCookie: Check = ({ headers }) =>
  demand((headers.cookie ?? '').split('; ').includes(`session_key=${demo.key}`), 'cookie session_key')
export const basicAuth: Check = ({ headers }) =>
  demand(
    headers.authorization === `Basic ${Buffer.from(`${demo.user}:${demo.password}`).toString('base64')}`,
    'Basic credentials',
  )
/** An access token that the authorization server gave, by its own book. */
export const accessToken =
  (issued: (token: string) => boolean): Check =>
  ({ headers }) =>
    demand(issued((headers.authorization ?? '').replace(/^Bearer /, '')), 'access token')
export const bearerToken: Check = ({ headers }) =>
  demand(headers.authorization === `Bearer ${demo.token}`, 'bearer token')

/** Recomputed from the raw bytes. `now` is the gateway's clock, which one route has an hour off. */
export function signature(now: () => number): Check {
  return ({ method, target, headers, body }) => {
    const timestamp = String(headers['x-timestamp'] ?? '')
    if (headers['x-key'] !== demo.keyId) return 'unknown key id'
    if (Math.abs(Number(timestamp) * 1000 - now()) > 60_000) return 'timestamp too far from my clock'
    const mac = createHmac('sha256', demo.secret).update(`${timestamp}${method}${target}`).update(body).digest()
    const given = Buffer.from(String(headers['x-signature'] ?? ''), 'hex')
    return demand(given.length === mac.length && timingSafeEqual(given, mac), 'signature')
  }
}

export const all =
  (...checks: Check[]): Check =>
  (request) =>
    checks.map((check) => check(request)).find((problem) => problem)

function demand(right: boolean, what: string): string | undefined {
  return right ? undefined : `wrong or missing ${what}`
}
