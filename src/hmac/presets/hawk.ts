import { parseChallenges } from '../../http/challenge.ts'
import type { AuthStrategy } from '../../types.ts'
import { base64Digest } from '../canonical.ts'
import { base64, concat, type Facts, hmac, type KeyOptions, type NonceFormat, utf8 } from '../hmac.ts'
import { invalid } from '../options.ts'

export interface HawkOptions extends KeyOptions {
  /** Default `'sha256'`. */
  algorithm?: 'sha256' | 'sha1'
  /** Application data that travels with the signature: visible ASCII without quotes and backslashes. Default none. */
  ext?: string
  /** The application's id, and who delegated to it (Oz). Default none. */
  app?: string
  dlg?: string
  /** False leaves the content out of the signature, so that it may be a stream. Default true. */
  needsBody?: boolean
  /** Default `'base64url'`. */
  nonce?: NonceFormat
}

/**
 * Hawk (`hawk.1.header`): HMAC over timestamp, nonce, method, target, host, port and hash of the content, a line each.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function hawk(options: HawkOptions): AuthStrategy {
  const { algorithm = 'sha256', ext = '', app, dlg, nonce = 'base64url', needsBody = true, ...key } = options
  if (algorithm !== 'sha256' && algorithm !== 'sha1') throw invalid("`algorithm` of hawk must be 'sha256' or 'sha1'.")
  for (const [name, value = ''] of Object.entries({ ext, app, dlg }))
    if (!/^[\x20!#-[\]-~]*$/.test(value))
      throw invalid(`\`${name}\` of hawk must be visible ASCII without quotes and backslashes: servers refuse these.`)
  const hashOf = async (facts: Facts): Promise<string> => {
    if (!needsBody || /^(GET|HEAD)$/.test(facts.method)) return ''
    const type = (facts.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
    return base64Digest(algorithm, concat(utf8(`hawk.1.payload\n${type}\n`), facts.body, utf8('\n')))
  }
  return hmac({
    ...key,
    hash: algorithm,
    encoding: 'base64',
    nonce,
    needsBody,
    async message(facts) {
      const { url } = facts
      const port = url.port || (url.protocol === 'http:' ? '80' : '443')
      const lines = [
        facts.timestamp,
        facts.nonce,
        facts.method,
        facts.target,
        url.hostname,
        port,
        await hashOf(facts),
        ext,
      ]
      if (app) lines.push(app, dlg ?? '')
      return `hawk.1.header\n${lines.join('\n')}\n`
    },
    async place(facts) {
      const fields = {
        id: facts.keyId,
        ts: facts.timestamp,
        nonce: facts.nonce,
        hash: await hashOf(facts),
        ext,
        mac: facts.signature,
        app,
        dlg,
      }
      const given = Object.entries(fields).filter(([, value]) => value)
      return { headers: { authorization: `Hawk ${given.map(([name, value]) => `${name}="${value}"`).join(', ')}` } }
    },
    places: ['header:authorization'],
    // Only who knows the key can tell the time.
    async serverTime(answer, mac) {
      const challenges = parseChallenges(answer.headers.get('www-authenticate'))
      const { ts, tsm } = challenges.find(({ scheme }) => scheme === 'hawk')?.parameters ?? {}
      return ts && tsm && base64(await mac(`hawk.1.ts\n${ts}\n`)) === tsm ? Number(ts) * 1000 : undefined
    },
  })
}
