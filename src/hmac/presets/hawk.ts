import { parseChallenges } from '../../http/challenge.ts'
import type { AuthStrategy, Bytes } from '../../types.ts'
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
  /** True asks the server to sign its answers too (`Server-Authorization`). Default false: checked where it does. */
  mutual?: boolean
  /** Default `'base64url'`. */
  nonce?: NonceFormat
}

/**
 * Hawk (`hawk.1.header`): HMAC over timestamp, nonce, method, target, host, port and hash of the content, a line each.
 * @throws LatchkeyError `invalid_option`; CredentialError `credential_invalid`
 */
export function hawk(options: HawkOptions): AuthStrategy {
  const {
    algorithm = 'sha256',
    ext = '',
    app,
    dlg,
    nonce = 'base64url',
    needsBody = true,
    mutual = false,
    ...key
  } = options
  if (algorithm !== 'sha256' && algorithm !== 'sha1') throw invalid("`algorithm` of hawk must be 'sha256' or 'sha1'.")
  for (const [name, value = ''] of Object.entries({ ext, app, dlg }))
    if (!/^[\x20!#-[\]-~]*$/.test(value))
      throw invalid(`\`${name}\` of hawk must be visible ASCII without quotes and backslashes: servers refuse these.`)
  const payloadHash = (type: string | null, content: Bytes): Promise<string> => {
    const media = (type ?? '').split(';')[0]?.trim().toLowerCase()
    return base64Digest(algorithm, concat(utf8(`hawk.1.payload\n${media}\n`), content, utf8('\n')))
  }
  const hashOf = async (facts: Facts): Promise<string> =>
    !needsBody || /^(GET|HEAD)$/.test(facts.method) ? '' : payloadHash(facts.headers.get('content-type'), facts.body)
  /** What a request and its answer are signed over. */
  const normalized = (kind: 'header' | 'response', facts: Facts, hash: string, data: string): string => {
    const { timestamp, nonce, method, target, url } = facts
    const port = url.port || (url.protocol === 'http:' ? '80' : '443')
    const lines = [timestamp, nonce, method, target, url.hostname, port, hash, data]
    if (app) lines.push(app, dlg ?? '')
    return `hawk.1.${kind}\n${lines.join('\n')}\n`
  }
  return hmac({
    ...key,
    hash: algorithm,
    encoding: 'base64',
    nonce,
    needsBody,
    message: async (facts) => normalized('header', facts, await hashOf(facts), ext),
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
    async serverTime({ headers }, { mac }) {
      const challenges = parseChallenges(headers.get('www-authenticate'))
      const { ts, tsm } = challenges.find(({ scheme }) => scheme === 'hawk')?.parameters ?? {}
      return ts && tsm && base64(await mac(`hawk.1.ts\n${ts}\n`)) === tsm ? Number(ts) * 1000 : undefined
    },
    async verify(answer, facts) {
      const said = answer.headers.get('server-authorization')
      if (said === null) return !mutual || answer.status === 401 || answer.status === 429 || answer.status >= 500
      const { mac, hash = '', ext: data = '' } = parseChallenges(said)[0]?.parameters ?? {}
      if (mac !== base64(await facts.mac(normalized('response', facts, hash, data)))) return false
      // Content that the platform decoded, or that is long, cannot be had as it was signed.
      const content = hash && !answer.headers.has('content-encoding') ? await answer.content() : undefined
      return content ? hash === (await payloadHash(answer.headers.get('content-type'), content)) : !(mutual && hash)
    },
  })
}
