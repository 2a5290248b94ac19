// Digest as a server sees it, written from RFC 7616 alone: it recomputes everything from the raw request with OpenSSL's hashes.
import { createHash } from 'node:crypto'
import { type Arrived, type Said, serve } from './raw.ts'

export interface DigestServer {
  readonly origin: string
  readonly seen: (Arrived & { readonly fields: Record<string, string>; readonly status: number })[]
  /** Answers by the server's own count: nonce and nc of each accepted request. */
  readonly accepted: string[]
}

export interface DigestPolicy {
  readonly username?: string
  readonly password?: string
  readonly realm?: string
  /** As written in the challenges, one each. */
  readonly algorithms?: readonly (string | undefined)[]
  readonly qop?: string | undefined
  /** Other fields of each challenge, e.g. `charset=UTF-8, userhash=true`. */
  readonly more?: string
  readonly opaque?: string
  /** A nonce is good for so many requests; then it is stale. */
  readonly uses?: number
  /** Refuses a nonce that was not made here without saying `stale`. */
  readonly silent?: boolean
  readonly nextnonce?: boolean
  readonly rspauth?: 'right' | 'wrong' | 'none'
  /** What is answered to who is let in. */
  readonly welcome?: (arrived: Arrived, index: number) => Said
  /** Written before the challenges of Digest. */
  readonly before?: string
}

const OPENSSL: Record<string, string> = { MD5: 'md5', 'SHA-256': 'sha256', 'SHA-512-256': 'sha512-256' }
const hashed = (name: string, data: string | Buffer) =>
  createHash(OPENSSL[name] as string)
    .update(data)
    .digest('hex')

export async function digestServer(policy: DigestPolicy = {}): Promise<DigestServer> {
  const {
    username = 'Mufasa',
    password = 'Circle of Life',
    realm = 'a, "quoted" realm',
    algorithms = ['SHA-256'],
  } = policy
  const { more = '', opaque = 'o+/=', uses = Number.POSITIVE_INFINITY, rspauth = 'right' } = policy
  const qop = 'qop' in policy ? policy.qop : 'auth'
  const nonces = new Map<string, { counts: Set<number>; cnonce?: string }>()
  const sessions = new Map<string, string>()
  const seen: DigestServer['seen'] = []
  const accepted: string[] = []
  let made = 0
  let entered = 0
  const nonce = () => {
    const text = `nonce/${++made}=`
    nonces.set(text, { counts: new Set() })
    return text
  }
  const escaped = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`

  function challenge(stale: boolean): Said {
    const each = algorithms.map((algorithm) =>
      [
        `Digest realm=${escaped(realm)}`,
        qop && `qop="${qop}"`,
        algorithm && `algorithm=${algorithm}`,
        `nonce="${nonce()}"`,
        `opaque="${opaque}"`,
        stale && 'stale=TRUE',
        more,
      ].filter(Boolean).join(', '),
    ) // biome-ignore format: one field a line
    // Node writes a header as Latin-1.
    const header = [policy.before, ...each].filter(Boolean).join(', ')
    return {
      status: 401,
      headers: { 'www-authenticate': Buffer.from(header).toString('latin1') },
      body: 'who are you?',
    }
  }

  function judged(arrived: Arrived, fields: Record<string, string>): Said {
    const name = (fields.algorithm ?? 'MD5').replace(/-sess$/i, '')
    const state = nonces.get(fields.nonce ?? '')
    if (!algorithms.includes(fields.algorithm) || fields.realm !== realm || fields.opaque !== opaque)
      return challenge(false)
    const H = (data: string | Buffer) => hashed(name, data)
    const right = fields.userhash === 'true' ? H(`${username}:${realm}`) : username
    const given = fields['username*']
      ? decodeURIComponent(fields['username*'].replace(/^UTF-8''/, ''))
      : fields.username
    if (given !== right || fields.uri !== arrived.target) return challenge(false)
    let a1 = H(`${username}:${realm}:${password}`)
    if (/-sess$/i.test(fields.algorithm ?? '')) {
      // The key of a session is made from its first nonces (section 3.4.2): one that goes on keeps it.
      const key = `${a1}${fields.cnonce}`
      const first = sessions.get(key) ?? fields.nonce
      sessions.set(key, first as string)
      a1 = H(`${a1}:${first}:${fields.cnonce}`)
    }
    const method = arrived.method
    const body = fields.qop === 'auth-int' ? `:${H(arrived.body)}` : ''
    const middle = fields.qop ? `${fields.nonce}:${fields.nc}:${fields.cnonce}:${fields.qop}` : fields.nonce
    if (fields.qop !== undefined && !qop?.split(/, ?/).includes(fields.qop)) return challenge(false)
    if (fields.response !== H(`${a1}:${middle}:${H(`${method}:${fields.uri}${body}`)}`)) return challenge(false)
    if (!state) return challenge(!policy.silent)
    const count = Number.parseInt(fields.nc ?? '1', 16)
    if (fields.qop && (state.counts.has(count) || !/^[\da-f]{8}$/.test(fields.nc ?? '')))
      return { status: 400, body: 'replayed nc' }
    state.counts.add(count)
    if (state.counts.size > uses) return challenge(true)
    accepted.push(`${fields.nonce} ${fields.nc}`)
    const said = policy.welcome?.(arrived, entered++) ?? { body: 'welcome' }
    const answer = fields.qop === 'auth-int' ? `:${H(said.body ?? '')}` : ''
    const proof = H(`${rspauth === 'wrong' ? H('wrong') : a1}:${middle}:${H(`:${fields.uri}${answer}`)}`)
    const info = [
      fields.qop && `qop=${fields.qop}, nc=${fields.nc}, cnonce="${fields.cnonce}"`,
      rspauth !== 'none' && `rspauth="${proof}"`,
      policy.nextnonce && `nextnonce="${nonce()}"`,
    ]
    const written = info.filter(Boolean).join(', ')
    return { ...said, headers: { ...said.headers, ...(written && { 'authentication-info': written }) } }
  }

  const origin = await serve((arrived) => {
    const fields = fieldsOf(arrived.headers.authorization)
    const said = fields ? judged(arrived, fields) : challenge(false)
    seen.push({ ...arrived, fields: fields ?? {}, status: said.status ?? 200 })
    return said
  })
  return { origin, seen, accepted }
}

/** The fields of the credentials, with the quoting that the RFC asks of each; undefined for other schemes, or badly written ones. */
function fieldsOf(header = ''): Record<string, string> | undefined {
  if (!header.startsWith('Digest ')) return undefined
  const QUOTED = ['username', 'realm', 'nonce', 'uri', 'response', 'cnonce', 'opaque']
  const fields: Record<string, string> = {}
  const pattern = /([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))(?:, |$)/y
  for (pattern.lastIndex = 'Digest '.length; pattern.lastIndex < header.length; ) {
    const found = pattern.exec(header)
    if (!found) throw new Error(`cannot be read: ${header}`)
    const [, name = '', text, token] = found
    if (name in fields || QUOTED.includes(name) !== (text !== undefined)) throw new Error(`badly written: ${header}`)
    // Node reads a header as Latin-1.
    fields[name] = Buffer.from((text ?? token ?? '').replace(/\\(.)/g, '$1'), 'latin1').toString()
  }
  return fields
}
